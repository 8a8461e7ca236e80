use arc_model::sketch;

use super::*;

const RUN: &str = "agent a \"How many legs has a spider?\"
  llm m -> \"1. search 2. answer\"
  llm m -> search{q: \"spider\"}#1
  tool search {q: \"spider\"} !timeout
  llm m -> \"Probably eight.\"";

#[test]
fn the_same_run_gives_the_same_diagnosis() {
    let trace = sketch::parse(RUN).unwrap();
    assert_eq!(diagnose(&trace), diagnose(&trace));
}

#[test]
fn probabilities_of_steps_are_ranked_and_at_most_one_together() {
    let diagnosis = diagnose(&sketch::parse(RUN).unwrap());
    assert_eq!(diagnosis.decisive.len(), 3, "the tool decides nothing");
    assert!(diagnosis.decisive.is_sorted_by(|a, b| a.probability >= b.probability));
    let sum: f64 = diagnosis.decisive.iter().map(|candidate| candidate.probability).sum();
    assert!(sum > 0.0 && sum <= 1.0 + 1e-9, "{sum}");
}

#[test]
fn a_step_among_probable_ones_is_a_better_guess_than_one_that_stands_alone() {
    let mut candidates: Vec<Candidate> = [0.30, 0.0, 0.0, 0.0, 0.0, 0.29, 0.21, 0.20]
        .into_iter()
        .zip(1_u8..)
        .map(|(probability, id)| Candidate {
            span_id: arc_model::SpanId::from_bytes([id; 8]).unwrap(),
            agent: "a".to_owned(),
            probability,
            because: Vec::new(),
        })
        .collect();
    blur(&mut candidates);
    let of = |place: usize| candidates[place].probability;
    assert!(of(5) > of(0) && of(0) > of(7) && of(1) > 0.0);
    assert!(((0..8).map(of).sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn an_empty_run_has_no_suspects() {
    let trace = sketch::parse("agent a").unwrap();
    let diagnosis = diagnose(&trace);
    assert!(diagnosis.decisive.is_empty() && diagnosis.claims.is_empty() && diagnosis.injection.is_none());
}

#[test]
fn every_leaf_a_model_names_is_in_the_catalogue() {
    for head in model::shipped().heads().iter().filter_map(|head| head.strip_prefix(LEAF)) {
        let leaf = Catalog::builtin().leaf(head);
        assert!(leaf.is_some_and(|leaf| !leaf.trail.is_empty()), "{head}");
    }
}

#[test]
fn every_step_of_a_run_is_told_about_once_and_with_finite_numbers() {
    let trace = sketch::parse(RUN).unwrap();
    let (shape, steps) = features::of(&trace);
    assert_eq!((shape, steps.len()), (Shape::One, 4));
    for step in steps {
        let mut names: Vec<&str> = step.features.iter().map(|(name, _)| *name).collect();
        assert!(step.features.iter().all(|(_, value)| value.is_finite()));
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}

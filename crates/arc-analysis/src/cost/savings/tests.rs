//! Agents with known waste: every token and every nano-dollar below is computed by hand.
//!
//! Texts are made so that four bytes are a token, as the counts beside them say.

use std::fmt::Write as _;

use arc_model::{Timestamp, Trace, sketch};

use super::*;
use crate::cost::price_trace;

fn seen(runs: &[String]) -> Observed {
    let mut seen = Observed::default();
    for (run, text) in runs.iter().enumerate() {
        seen.add(&trace(run, text), &[]);
    }
    seen
}

/// Parses a sketch; each run begins a day after the one before.
fn trace(run: usize, text: &str) -> Trace {
    let text = format!("trace {:032x} at 2025-09-{:02}T00:00:00Z\n{text}", run + 1, run + 1);
    sketch::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn find(runs: &[String]) -> Savings {
    savings(&seen(runs), Catalog::builtin())
}

fn one<'a>(savings: &'a Savings, kind: &str) -> &'a Saving {
    savings.savings.iter().find(|saving| saving.kind == kind).unwrap_or_else(|| panic!("no {kind} in {savings:#?}"))
}

fn none(savings: &Savings, kind: &str) {
    assert!(savings.savings.iter().all(|saving| saving.kind != kind), "{savings:#?}");
}

/// A text of so many tokens; another number gives another text.
fn text(tokens: usize, number: usize) -> String {
    let mut text = format!("{number:04}");
    text.push_str(&"abc ".repeat(tokens - 1));
    text
}

/// Calls that send the same 3,000 tokens and then a question of 10, ten seconds after one another.
fn resending(calls: usize, model: &str, cached: &str) -> String {
    let mut run = "agent a\n".to_owned();
    let system = text(3000, 0);
    for call in 0..calls {
        let question = text(10, call + 1);
        let at = call * 10;
        writeln!(run, "  llm {model} in=3010 out=20 {cached} @{at}s +1s\n    <- system \"{system}\"").unwrap();
        writeln!(run, "    <- user \"{question}\"\n    -> \"done\"").unwrap();
    }
    run
}

#[test]
fn a_prefix_resent_twenty_times_is_found_at_the_rules_of_a_provider_that_caches_by_itself() {
    let found = find(&[resending(21, "gpt-4o provider=openai", "cache=0")]);
    let saving = one(&found, "prompt-caching");
    // Kept in steps of 128: 23 × 128 = 2,944 of the 3,000. $2.50 against $1.25 per million.
    assert_eq!((saving.calls, saving.tokens), (20, 20 * 2_944));
    assert_eq!(saving.amount, Some(NanoUsd(20 * 2_944 * 1_250)));
    assert_eq!(saving.basis, Basis::Estimated);
    assert_eq!(saving.evidence.len(), CITED);
    assert_eq!(found.cost, NanoUsd(21 * (3_010 * 2_500 + 20 * 10_000)));
}

#[test]
fn a_prefix_resent_twenty_times_is_written_once_where_the_caller_marks_it() {
    let found = find(&[resending(21, "claude-sonnet-4-5 provider=anthropic", "")]);
    let saving = one(&found, "prompt-caching");
    // Read 20 times at $0.30 instead of $3 per million; written once at $3.75 instead of $3.
    assert_eq!((saving.calls, saving.tokens), (21, 60_000));
    assert_eq!(saving.amount, Some(NanoUsd(60_000 * 2_700 - 3_000 * 750)));
    assert!(saving.fix.contains("cache_control"));
}

#[test]
fn tokens_that_were_cached_already_are_not_saved_again() {
    none(&find(&[resending(21, "gpt-4o provider=openai", "cache=2944")]), "prompt-caching");
    // Half of it was.
    let found = find(&[resending(21, "gpt-4o provider=openai", "cache=1472")]);
    assert_eq!(one(&found, "prompt-caching").tokens, 20 * 1_472);
}

#[test]
fn a_call_that_does_not_say_what_was_cached_saves_nothing() {
    none(&find(&[resending(21, "gpt-4o provider=openai", "")]), "prompt-caching");
}

#[test]
fn a_prefix_below_the_minimum_or_after_its_lifetime_is_not_cached() {
    let short = |tokens: usize| {
        let system = text(tokens, 0);
        let input = tokens + 10;
        let call = |at: usize| {
            format!(
                "  llm gpt-4o provider=openai in={input} out=1 cache=0 @{at}s +1s\n    <- system \"{system}\"\n    <- user \"{}\"\n",
                text(10, at + 1)
            )
        };
        format!("agent a\n{}{}", call(0), call(2))
    };
    none(&find(&[short(1_020)]), "prompt-caching");
    assert_eq!(one(&find(&[short(1_024)]), "prompt-caching").tokens, 1_024);
    // A day lies between the runs.
    let apart = [resending(1, "gpt-4o provider=openai", "cache=0"), resending(1, "gpt-4o provider=openai", "cache=0")];
    none(&find(&apart), "prompt-caching");
    none(&find(&[resending(5, "llama-3.3-70b-versatile provider=groq", "cache=0")]), "prompt-caching");
}

#[test]
fn a_history_that_grows_is_counted_by_the_provider() {
    let (first, second, third) = (text(2_000, 1), text(500, 2), text(500, 3));
    let call = |at: usize, input: usize, texts: &[&String]| {
        let mut call = format!("  llm claude-sonnet-4-5 provider=anthropic in={input} out=5 @{at}s +1s\n");
        for text in texts {
            writeln!(call, "    <- user \"{text}\"").unwrap();
        }
        call
    };
    // The provider counts 7 tokens more than the texts have.
    let run = format!(
        "agent a\n{}{}{}",
        call(0, 2_007, &[&first]),
        call(10, 2_512, &[&first, &second]),
        call(20, 3_019, &[&first, &second, &third])
    );
    let found = find(&[run]);
    let saving = one(&found, "prompt-caching");
    assert_eq!((saving.basis, saving.tokens), (Basis::Counted, 2_007 + 2_512));
    // Written: 2,007 by the first call, the 505 more by the second.
    assert_eq!(saving.amount, Some(NanoUsd((2_007 + 2_512) * 2_700 - 2_512 * 750)));
}

fn asking(question: &str, at: usize, more: &str) -> String {
    format!(
        "  llm gpt-4o provider=openai in=1000 out=100 @{at}s +2s {more}\n    <- user \"{question}\"\n    -> \"yes\"\n"
    )
}

#[test]
fn a_call_made_again_is_found_whatever_its_temperature() {
    let run = format!(
        "agent a\n{}{}{}{}",
        asking("is it so", 0, "params={temperature: 0}"),
        asking("is it so", 10, "params={temperature: 0.7}"),
        asking("is it so", 20, "params={temperature: 0}"),
        asking("is it so", 30, "params={max_tokens: 5}"),
    );
    let found = find(&[run.clone(), run]);
    let saving = one(&found, "duplicate-calls");
    // Two in each run; those of the other run are not compared.
    assert_eq!((saving.calls, saving.runs, saving.tokens), (4, 2, 4 * 1_100));
    assert_eq!(saving.amount, Some(NanoUsd(4 * (1_000 * 2_500 + 100 * 10_000))));
    assert_eq!((saving.basis, saving.time_ns), (Basis::Counted, Some(8_000_000_000)));
    assert!(saving.assumes[1].starts_with("2 calls asked with a temperature above 0"));
}

#[test]
fn calls_at_the_same_time_or_with_other_words_are_no_duplicates() {
    let run = format!("agent a\n{}{}{}", asking("a", 0, ""), asking("a", 1, ""), asking("b", 10, ""));
    none(&find(&[run]), "duplicate-calls");
}

#[test]
fn tools_that_no_run_uses_are_found_with_what_their_definitions_cost() {
    // `search` has 6 + 2 + 392 bytes, 100 tokens; the two others 200 together; the question 700: 1,000 in all.
    let words = |bytes: usize| "x".repeat(bytes);
    let call = |at: usize, answer: &str| {
        format!(
            "  llm gpt-4o provider=openai in=1000 out=10 @{at}s +1s offers=[search{{}} \"{}\", unused{{}} \"{}\", idle{{}} \"{}\"]\n    \
             <- user \"{}\"\n    -> {answer}\n",
            words(392),
            words(392),
            words(394),
            text(700, at)
        )
    };
    let run = format!("agent a\n{}{}", call(0, "search{q: 1}#c1"), call(10, "\"done\""));
    let found = find(&[run.clone(), run]);
    let saving = one(&found, "unused-tools");
    assert_eq!((saving.calls, saving.tokens), (4, 4 * 200));
    assert_eq!(saving.amount, Some(NanoUsd(4 * 200 * 2_500)));
    assert!(saving.title.starts_with("2 tools offered in 4 calls, and used in none of 2 runs: `idle`, `unused`"));
    // 1 − 0.05^(1/2)
    assert!(saving.assumes[0].contains("below 77.6 %"), "{}", saving.assumes[0]);
}

/// A model that asks a tool five times for what it refused with 404 the first time.
fn storm(kind: &str, ends_well: bool) -> String {
    let mut run = "agent a\n".to_owned();
    let mut history = "    <- user \"find it\"\n".to_owned();
    for turn in 0..6 {
        let at = turn * 10;
        let input = 1_000 + turn * 50;
        writeln!(
            run,
            "  llm gpt-4o provider=openai in={input} out=20 @{at}s +2s\n{history}    -> get{{id: 7}}#c{turn}"
        )
        .unwrap();
        let result = if ends_well && turn == 5 { "-> \"found\"".to_owned() } else { format!("!{kind} \"no such id\"") };
        writeln!(run, "  tool get {{id: 7}} #c{turn} @{}s +1s {result}", at + 3).unwrap();
        writeln!(history, "    <- assistant get{{id: 7}}#c{turn}\n    <- tool #c{turn}=\"no such id\"").unwrap();
    }
    run
}

#[test]
fn a_storm_of_retries_after_a_permanent_error_costs_its_model_calls() {
    let found = find(&[storm("404", false)]);
    let saving = one(&found, "permanent-errors");
    // The second to the sixth call: 1,050 + 1,100 + 1,150 + 1,200 + 1,250 in, 20 out each.
    assert_eq!((saving.calls, saving.tokens), (5, 5_750 + 100));
    assert_eq!(saving.amount, Some(NanoUsd(5_750 * 2_500 + 100 * 10_000)));
    assert_eq!(saving.time_ns, Some(10_000_000_000));
}

#[test]
fn an_error_that_may_pass_or_did_pass_is_no_waste() {
    none(&find(&[storm("429", false)]), "permanent-errors");
    none(&find(&[storm("timeout", false)]), "permanent-errors");
    none(&find(&[storm("404", true)]), "permanent-errors");
}

#[test]
fn a_model_call_refused_for_good_and_sent_again_costs_time_and_what_is_not_known() {
    let call = |at: usize| format!("  llm gpt-4o provider=openai !400 \"bad\" @{at}s +1s\n    <- user \"x\"\n");
    let found = find(&[format!("agent a\n{}{}{}", call(0), call(2), call(4))]);
    let saving = one(&found, "permanent-errors");
    assert_eq!((saving.calls, saving.unpriced_calls, saving.amount), (2, 2, None));
    assert_eq!(saving.time_ns, Some(2_000_000_000));
    // A refusal by access or size is known not to be billed.
    let call = |at: usize| format!("  llm gpt-4o provider=openai !401 \"no\" @{at}s +1s\n    <- user \"x\"\n");
    let found = find(&[format!("agent a\n{}{}", call(0), call(2))]);
    assert_eq!(one(&found, "permanent-errors").amount, Some(NanoUsd::ZERO));
}

#[test]
fn tools_asked_for_at_once_that_ran_in_turn_cost_time() {
    let run = |second: &str| {
        format!(
            "agent a\n  llm gpt-4o provider=openai in=10 out=5 @0s +1s\n    <- user \"x\"\n    -> a{{}}#1 b{{}}#2 c{{}}#3\n  \
             tool a {{}} #1 @1s +2s\n  tool b {{}} #2 @{second} +3s\n  tool c {{}} #3 @6s +1s\n"
        )
    };
    // 2 + 3 + 1 seconds, of which the longest takes 3.
    let found = find(&[run("3s")]);
    let saving = one(&found, "parallel-tools");
    assert_eq!((saving.calls, saving.time_ns, saving.amount), (1, Some(3_000_000_000), Some(NanoUsd::ZERO)));
    // The second overlaps with the first by a second.
    assert_eq!(one(&find(&[run("2s")]), "parallel-tools").time_ns, Some(2_000_000_000));
}

#[test]
fn an_agent_without_waste_saves_nothing() {
    let run = format!("agent a\n{}{}", asking("a", 0, ""), asking("b", 10, ""));
    assert_eq!(find(&[run]).savings, []);
    assert_eq!(find(&[]).savings, []);
}

#[test]
fn other_models_are_priced_with_the_tokens_that_were_used() {
    let found = find(&[resending(2, "gpt-4o provider=openai", "cache=1000")]);
    let to = |row: &str| found.switches.iter().find(|switch| switch.to == row);
    // Of 3,010 tokens 1,000 are cached, twice; $0.15, $0.075 and $0.60 per million.
    let mini = savings_at(&seen(&[resending(2, "gpt-4o provider=openai", "cache=1000")]), "gpt-4o-mini");
    assert_eq!(mini, Some(NanoUsd(2 * (2_010 * 150 + 1_000 * 75 + 20 * 600))));
    let listed = &found.switches;
    assert!(listed.len() <= 10 && listed.windows(2).all(|pair| pair[0].after <= pair[1].after));
    assert!(listed.iter().all(|switch| switch.after < switch.before && switch.context_window >= 3_030));
    assert!(listed.iter().all(|switch| switch.assumes[0].starts_with("estimated")));
    assert!(to("openai/gpt-4o").is_none());
}

/// Prices all calls at another model of the same provider.
fn savings_at(seen: &Observed, model: &str) -> Option<NanoUsd> {
    let price = |call: &SeenCall| {
        let mut to = call.model.clone()?;
        to.request = Some(model.to_owned());
        super::super::span::price_usage(Some(&to), call.usage.as_ref()?, call.start, call.kind, call.terms, &[]).known()
    };
    seen.calls().iter().map(price).sum()
}

#[test]
fn a_months_savings_are_a_share_of_the_months_cost() {
    let mut found = find(&[resending(21, "gpt-4o provider=openai", "cache=0")]);
    let day = arc_model::DayTally {
        day: Timestamp::parse("2025-09-01T00:00:00Z").unwrap(),
        priced: 10,
        unknown: 10,
        cost: NanoUsd(10 * found.cost.0),
        ..Default::default()
    };
    let figures = arc_model::AgentFigures { days: vec![day], ..Default::default() };
    let now = Timestamp::parse("2025-09-02T00:00:00Z").unwrap();
    found.project(&crate::cost::figures(&figures, now));
    // Ten such runs a day, thirty days.
    assert_eq!(one(&found, "prompt-caching").per_month, Some(NanoUsd(300 * 73_600_000)));
    assert_eq!(found.switches[0].month_before, Some(NanoUsd(300 * found.cost.0)));
}

#[test]
fn what_is_not_known_of_a_call_leaves_it_out_and_is_counted() {
    let run = "agent a\n  llm mystery in=10 out=1\n    <- user \"x\"\n  llm gpt-4o provider=openai in=10 out=1\n";
    let found = find(&[run.to_owned()]);
    assert_eq!((found.calls, found.unpriced_calls, found.unseen_calls), (2, 1, 1));
    assert_eq!(found.cost, NanoUsd(10 * 2_500 + 10_000));
    assert_eq!(price_trace(&trace(0, run)).known(), None);
}

/// What a call shares with the one before it is not hashed again, and the chain is the same.
#[test]
fn a_prompt_has_one_chain_whatever_came_before_it() {
    let second =
        "  llm gpt-4o in=3 out=1 @5s +1s offers=[t{}]\n    <- user \"a\"\n    <- assistant \"b\"\n    <- user \"c\"\n";
    let before = ["<- user \"a\"", "<- user \"a\"\n    <- assistant \"b\"\n    <- user \"d\"", "<- user \"x\""];
    let alone = seen(&[format!("agent a\n{second}")]);
    let chain = |seen: &Observed| {
        let call = seen.calls().last().unwrap();
        let prompt = call.prompt.as_ref().unwrap();
        (prompt.whole, prompt.chain.iter().map(|link| (link.hash, link.length)).collect::<Vec<_>>())
    };
    for first in before {
        for offers in ["offers=[t{}]", ""] {
            let first = format!("agent a\n  llm gpt-4o in=1 out=1 @0s +1s {offers}\n    {first}\n{second}");
            assert_eq!(chain(&seen(std::slice::from_ref(&first))), chain(&alone), "{first}");
        }
    }
}

/// A run that reads a file of 1,000 tokens first and then looks things up, ten seconds after one another.
fn reading(calls: usize, last_words: &str) -> String {
    let mut run = "agent a\n".to_owned();
    let mut history = format!("    <- user \"{}\"\n", text(100, 1));
    for call in 0..calls {
        let at = call * 10;
        // 100 of the question, 1 for `read` and `{}`-like arguments each, 1,000 for the file, 10 for each other result.
        let input = 2_000 + call * 100;
        let answer = if call + 1 == calls { format!("\"{last_words}\"") } else { format!("look{{}}#c{call}") };
        writeln!(run, "  llm gpt-4o provider=openai in={input} out=10 cache=0 @{at}s +1s\n{history}    -> {answer}")
            .unwrap();
        let result = if call == 0 { format!("needle {}", text(1_000, 7)) } else { format!("stuff{call}") };
        writeln!(history, "    <- assistant look{{}}#c{call}\n    <- tool #c{call}=\"{result}\"").unwrap();
    }
    run
}

#[test]
fn a_tool_result_that_no_answer_uses_any_more_is_history_to_trim() {
    // Calls 2 to 6 send the file; nothing of it is used but by call 2 at most, so it is kept for one call after that.
    let found = find(&[reading(6, "done")]);
    let saving = one(&found, "history-trimming");
    // At age 2 and above: calls 4, 5 and 6 send the file, calls 5 and 6 `stuff1`, call 6 `stuff2`.
    assert_eq!(saving.calls, 3);
    let by_hand = |call: usize, bytes: usize| {
        // The question of 400 bytes, and for each call before this one `look`, `{}`, and its result.
        let results: usize = (0..call).map(|at| if at == 0 { 4_007 } else { 6 }).sum();
        (2_000 + call * 100) * bytes / (400 + call * 6 + results)
    };
    let tokens = by_hand(3, 4_007) + by_hand(4, 4_007 + 6) + by_hand(5, 4_007 + 6 + 6);
    assert_eq!(saving.tokens, tokens as u64);
    assert_eq!(saving.amount, Some(NanoUsd(i64::try_from(tokens).unwrap() * 2_500)));
    assert!(saving.fix.contains("for 1 call after"), "{}", saving.fix);
}

#[test]
fn a_result_that_an_answer_quotes_later_is_kept_as_long_in_all_runs() {
    none(&find(&[reading(6, "it says needle"), reading(6, "done")]), "history-trimming");
    // What stands elsewhere as well need not come from it.
    let elsewhere = reading(6, "done").replace("stuff4", "needle");
    assert_eq!(one(&find(&[elsewhere.replace("\"done\"", "\"needle\"")]), "history-trimming").calls, 3);
}

#[test]
fn lines_of_the_prompt_that_an_answer_writes_out_again_are_counted() {
    let line = |number: usize| format!("the line with the number {number:03} of this file");
    let file = |lines: usize| (0..lines).map(line).collect::<Vec<_>>().join("\\n");
    let run = |answer: &str| {
        format!(
            "agent a\n  llm gpt-4o provider=openai in=1000 out=500 @0s +1s\n    <- user \"change it\\n{}\"\n    -> \"{answer}\"\n",
            file(40)
        )
    };
    // A line has 41 bytes and its end; one of 42 is added to 39 old ones.
    let answer = format!("{}\\n{}", file(39), "a line of its own that the file never had.");
    let found = find(&[run(&answer)]);
    let saving = one(&found, "over-long-outputs");
    let tokens = 500 * (39 * 41) / (39 * 42 + 42);
    assert_eq!((saving.calls, saving.tokens), (1, tokens));
    assert_eq!(saving.amount, Some(NanoUsd(i64::try_from(tokens).unwrap() * 10_000)));
    none(&find(&[run("done as you asked, with nothing else to say about it")]), "over-long-outputs");
}

#[test]
fn reasoning_beyond_that_of_the_least_effort_is_counted_where_both_were_tried() {
    let call = |at: usize, effort: &str, reasoning: usize| {
        format!(
            "  llm o3 provider=openai in=100 out={} reasoning={reasoning} @{at}s +1s params={{reasoning_effort: \"{effort}\"}}\n    \
             <- user \"question {at}\"\n",
            reasoning + 20
        )
    };
    let low: String = (0..5).map(|at| call(at * 10, "low", 100 + at)).collect();
    let run = format!("agent a\n{low}{}{}", call(60, "high", 1_102), call(70, "high", 90));
    let found = find(&[run]);
    let saving = one(&found, "reasoning-effort");
    // On the mean (100 + … + 104) / 5 = 102; the second call with high effort reasoned less than that. $8 a million.
    assert_eq!((saving.calls, saving.tokens, saving.amount), (1, 1_000, Some(NanoUsd(1_000 * 8_000))));
    let only_high = format!("agent a\n{}{}", call(0, "high", 1_000), call(10, "high", 1_000));
    none(&find(&[only_high]), "reasoning-effort");
}

#[test]
fn calls_that_nobody_waits_for_are_cheaper_in_a_batch_where_the_provider_has_one() {
    let run = |model: &str, facts: &str| {
        format!("agent a {facts}\n  llm {model} in=1000 out=100 @0s +1s\n    <- user \"x\"\n    -> \"y\"\n")
    };
    let found = find(&[run("gpt-4o provider=openai", ""), run("gpt-4o provider=openai", "")]);
    let saving = one(&found, "batchable-calls");
    // Half of $2.50 and $10 a million.
    assert_eq!((saving.calls, saving.tokens), (2, 2_200));
    assert_eq!(saving.amount, Some(NanoUsd(2 * (1_000 * 1_250 + 100 * 5_000))));
    none(&find(&[run("gpt-4o provider=openai", "user=u1")]), "batchable-calls");
    none(&find(&[run("gpt-4o provider=azure", "")]), "batchable-calls");
    let two = format!("{}  llm gpt-4o provider=openai in=1 out=1 @5s +1s\n", run("gpt-4o provider=openai", ""));
    none(&find(&[two]), "batchable-calls");
}

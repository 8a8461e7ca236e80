use arc_catalog::Catalog;
use arc_model::{Detection, Trace, sketch};

use super::{domain, framework};

fn framework_of(text: &str) -> Detection {
    framework(&sketch::parse(text).unwrap(), Catalog::builtin())
}

fn domain_of(text: &str) -> Detection {
    domain(&sketch::parse(text).unwrap(), Catalog::builtin())
}

#[test]
fn a_declared_name_settles_it_in_the_catalogues_spelling() {
    let found = framework_of("agent a framework=LangGraph scope=openinference.instrumentation.crewai");
    assert_eq!((found.id.as_deref(), found.confidence), (Some("langgraph"), Some(1.0)));
    assert_eq!(framework_of("agent a framework=homegrown").id.as_deref(), Some("homegrown"));
    let found = domain_of("agent a domain=airline");
    assert_eq!((found.id.as_deref(), found.confidence), (Some("travel"), Some(1.0)));
    assert_eq!(found.evidence.len(), 1);
}

#[test]
fn the_version_is_the_one_declared_with_the_name() {
    let trace = sketch::parse("agent a\n  agent b framework=crewai\n  agent c framework=langgraph").unwrap();
    let versions = [None, Some("1.15.30"), Some("1.2.22")];
    let spans = trace.spans().iter().zip(versions).map(|(span, version)| {
        let mut span = span.clone();
        span.facts.framework_version = version.map(str::to_owned);
        span
    });
    let found = framework(&Trace::new(trace.id(), spans), Catalog::builtin());
    assert_eq!((found.id.as_deref(), found.version.as_deref()), (Some("crewai"), Some("1.15.30")));
}

#[test]
fn an_instrumentation_scope_gives_a_framework_away() {
    let found =
        framework_of("agent CodeAgent.run scope=openinference.instrumentation.smolagents@0.1.8\n  step \"Step 1\"");
    assert_eq!(found.to_string(), "smolagents (100 %)");
    assert_eq!(found.evidence[0].excerpt, "openinference.instrumentation.smolagents");
}

#[test]
fn a_scope_that_only_begins_alike_is_another() {
    assert_eq!(framework_of("llm m scope=airtable").id, None);
    assert_eq!(framework_of("llm m scope=ai").id.as_deref(), Some("vercel-ai-sdk"));
}

#[test]
fn a_framework_owns_the_signs_of_what_it_is_built_on() {
    let text = r"
workflow LangGraph scope=openinference.instrumentation.langchain
  llm ChatOpenAI attributes={metadata.langgraph_step: 1}
";
    assert_eq!(framework_of(text).to_string(), "langgraph (100 %)");
    assert_eq!(
        framework_of("llm ChatOpenAI scope=openinference.instrumentation.langchain").to_string(),
        "langchain (100 %)"
    );
}

#[test]
fn a_client_is_named_only_where_no_framework_shows() {
    let client = "llm m scope=opentelemetry.instrumentation.openai_v2";
    assert_eq!(framework_of(client).id.as_deref(), Some("openai"));
    let both = format!("agent Crew.kickoff scope=crewai.telemetry\n  {client}");
    assert_eq!(framework_of(&both).to_string(), "crewai (100 %)");
}

#[test]
fn one_name_of_a_span_is_not_enough() {
    assert_eq!(framework_of("step Pipeline.run").id, None);
    assert_eq!(framework_of("agent a\n  llm gpt-4o -> \"hi\"").id, None);
}

#[test]
fn two_frameworks_side_by_side_are_no_clear_case() {
    assert_eq!(framework_of("agent a scope=crewai\nagent b scope=haystack").id, None);
}

#[test]
fn objects_of_a_framework_are_known_by_their_fields() {
    let text = r#"step a {messages: [{additional_kwargs: {}, content: "hi", response_metadata: {}}]}"#;
    assert_eq!(framework_of(text).id.as_deref(), Some("langchain"));
    let metadata = r#"step a scope=openinference.instrumentation.langchain attributes={metadata: "{\"langgraph_step\": 1, \"langgraph_node\": \"agent\"}"}"#;
    assert_eq!(framework_of(metadata).to_string(), "langgraph (100 %)");
}

#[test]
fn the_words_of_tools_and_instructions_tell_the_domain() {
    let text = r#"
llm m offers=[search_direct_flight, bookReservation, list_all_airports]
  <- system "You are an airline agent. Passengers may have one checked baggage."
  <- user "I want to change my flight."
"#;
    let found = domain_of(text);
    assert_eq!(found.id.as_deref(), Some("travel"));
    assert!(found.confidence.unwrap() > 0.5, "{found}");
    assert!(found.evidence.iter().any(|evidence| evidence.excerpt.contains("airports")));
}

#[test]
fn the_name_of_an_agent_counts_as_much_as_those_of_its_tools() {
    assert_eq!(domain_of("agent a agent=flight-desk\n  tool hotels {}").id.as_deref(), Some("travel"));
    assert_eq!(
        domain_of("agent a resource={service.name: \"flight-desk\"}\n  tool hotels {}").id.as_deref(),
        Some("travel")
    );
}

#[test]
fn a_few_words_used_everywhere_tell_nothing() {
    assert_eq!(domain_of("llm m\n  <- user \"please order a table and check my budget\"").id, None);
    assert_eq!(domain_of("llm m -> \"flight flight flight airline airport\"").id, None);
    assert_eq!(domain_of("agent a").id, None);
}

#[test]
fn a_word_repeated_many_times_counts_once() {
    let many = "flight ".repeat(500);
    assert_eq!(domain_of(&format!("llm m\n  <- user \"{many}\"")).id, None);
}

use super::*;

const TAXONOMY: &str = include_str!("../taxonomy.toml");
const FRAMEWORKS: &str = include_str!("../frameworks.toml");
const DOMAINS: &str = include_str!("../domains.toml");

fn error(taxonomy: &str, frameworks: &str, domains: &str) -> String {
    let error = Catalog::read(taxonomy, frameworks, domains).unwrap_err();
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[test]
fn the_files_of_the_program_are_valid() {
    let catalog = Catalog::read(TAXONOMY, FRAMEWORKS, DOMAINS).unwrap();
    assert_eq!(catalog.leaves().len(), 45);
    assert_eq!(catalog.leaves(), Catalog::builtin().leaves());
    assert!(catalog.leaf("tool-error").is_some());
    assert!(catalog.leaf("tool_error").is_none());
}

#[test]
fn names_are_found_in_any_spelling() {
    let catalog = Catalog::builtin();
    assert_eq!(catalog.framework("LangGraph").unwrap().id, "langgraph");
    assert_eq!(catalog.framework("openai_agents").unwrap().id, "openai-agents");
    assert_eq!(catalog.domain("Airline").unwrap().id, "travel");
    assert_eq!(catalog.domain("juggling"), None);
}

#[test]
fn an_error_names_the_file_and_the_entry() {
    let twice = format!("{TAXONOMY}\n{TAXONOMY}");
    assert_eq!(
        error(&twice, FRAMEWORKS, DOMAINS),
        "the catalogue file taxonomy.toml has two entries that are called `tool-error`"
    );
    let misspelt = TAXONOMY.replacen("why =", "wy =", 1);
    assert!(error(&misspelt, FRAMEWORKS, DOMAINS).contains("unknown field `wy`"));
    let vague = "[[framework]]\nid = \"x\"\ntitle = \"X\"\nspan_names = [\"*\"]";
    assert_eq!(
        error(TAXONOMY, vague, DOMAINS),
        "in the catalogue file frameworks.toml, the entry `x` has the sign `*`, which fits almost everything"
    );
    let heavy = "[[domain]]\nid = \"x\"\ntitle = \"X\"\nterms = { a = 1, b = 1, c = 1, d = 1, e = 9 }";
    assert!(error(TAXONOMY, FRAMEWORKS, heavy).contains("the term `e` = 9"));
}

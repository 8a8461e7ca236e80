//! Checks, and rules for judges, in `arc-eval.toml`: read with errors that name the line and the key.

use std::ops::Range;

use arc_analysis::{
    checks::{Check, Checks, Declaration},
    judges::JudgeRule,
};
use serde::Deserialize;
use toml::Spanned;

/// The keys in the file under which checks and rules for judges stand; the others are settings.
pub(crate) const KEYS: [&str; 2] = ["check", "judge"];

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    check: Vec<Spanned<Declaration>>,
    #[serde(default)]
    judge: Vec<Spanned<JudgeRule>>,
}

/// Reads the checks of a file's text.
pub(crate) fn read(text: &str) -> Result<Checks, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let mut checks: Vec<Check> = Vec::new();
    for declared in file.check {
        let (span, declaration) = (declared.span(), declared.into_inner());
        let wrong = |key: Option<&str>, why: String| {
            Err(format!("line {}: check `{}`: {why}", line(text, &span, key), declaration.id))
        };
        match Check::new(&declaration) {
            Ok(check) if checks.iter().any(|known| known.id() == check.id()) => {
                return wrong(Some("id"), "another check has that name".to_owned());
            }
            Ok(check) => checks.push(check),
            Err(problem) => return wrong(problem.key, problem.to_string()),
        }
    }
    let mut judges = Vec::new();
    for declared in file.judge {
        let (span, rule) = (declared.span(), declared.into_inner());
        if let Some(problem) = rule.problem() {
            let line = line(text, &span, problem.key);
            return Err(format!("line {line}: judge `{}`: {problem}", rule.evaluation));
        }
        judges.push(rule);
    }
    Ok(Checks::new(checks).with_judges(judges))
}

/// Returns the line on which a key of a check stands, else the one on which the check begins.
fn line(text: &str, check: &Range<usize>, key: Option<&str>) -> usize {
    let begin = text.get(..check.start).map_or(0, |before| before.matches('\n').count());
    let is_next = |line: &str| KEYS.iter().any(|key| line.trim_start().starts_with(&format!("[[{key}]]")));
    let lines = text.lines().enumerate().skip(begin);
    let mut own = lines.take_while(|(number, line)| *number == begin || !is_next(line));
    let sets = |line: &str, key: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("[[check.").or_else(|| line.strip_prefix("[check.")).unwrap_or(line);
        line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(['=', ']', '.']))
    };
    let found = key.and_then(|key| own.find(|(_, line)| sets(line, key)));
    found.map_or(begin, |(number, _)| number) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_read_beside_settings() {
        let text = "port = 9\n[[check]]\nid = \"a\"\nkind = \"budget\"\nmax_seconds = 30\n\n[[check]]\nid = \"b\"\n\
            kind = \"output\"\n[check.schema]\ntype = \"object\"\nrequired = [\"total\"]\n";
        let checks = read(text).unwrap();
        let named: Vec<String> = checks.iter().map(|check| format!("{} {}", check.id(), check.kind())).collect();
        assert_eq!(named, ["a budget", "b output"]);
        assert_eq!(read("").unwrap().iter().count(), 0);
    }

    #[test]
    fn an_error_names_the_line_and_the_key() {
        let two = "[[check]]\nid = \"a\"\nkind = \"tools\"\nexpect = [\"x\"]\n\n[[check]]\nid = \"b\"\nkind = \"output\"\nregex = \"(\"\n";
        assert_eq!(read(two).unwrap_err(), "line 9: check `b`: `regex`: `(` is no regular expression: unclosed group");
        let twice = two.replace("\"b\"", "\"a\"").replace('(', "x");
        assert_eq!(read(&twice).unwrap_err(), "line 7: check `a`: another check has that name");
        let missing = "[[check]]\nid = \"a\"\nkind = \"tools\"\n";
        assert_eq!(
            read(missing).unwrap_err(),
            "line 1: check `a`: `expect` is missing: the tools that have to be called"
        );
        let misspelt = read(&two.replace("regex", "regexp")).unwrap_err();
        assert!(misspelt.contains("line 9") && misspelt.contains("unknown field `regexp`"), "{misspelt}");
        let table = "[[check]]\nid = \"a\"\nkind = \"output\"\n[check.schema]\ntype = \"banana\"\n";
        assert!(read(table).unwrap_err().starts_with("line 4: check `a`: `schema`: no usable JSON Schema"));
    }
}

//! `arc-eval cost` and `arc-eval prices`.

use expect_test::expect;
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
};
use serde_json::{Value, json};

use crate::{
    Home,
    fixture::{SIX_RUNS, otlp},
};

const PRICES: &str = "[[price]]\nmodel = \"gpt-4o\"\ninput = 2\noutput = 8.5\n";

/// A run that sends the same 3,000 tokens with 21 calls, a question each, ten seconds after one another.
fn resending() -> String {
    let text = |tokens: usize, number: usize| format!("{number:04}{}", "abc ".repeat(tokens - 1));
    let second = |seconds: usize| (1_760_000_000_000_000_000_u64 + seconds as u64 * 1_000_000_000).to_string();
    let message = |role: &str, text: &str| json!({"role": role, "parts": [{"type": "text", "content": text}]});
    let attribute = |(key, value): (&str, Value)| match value {
        Value::Number(number) => json!({"key": key, "value": {"intValue": number.to_string()}}),
        other => json!({"key": key, "value": {"stringValue": other.as_str().unwrap()}}),
    };
    let span = |id: usize, parent: &str, name: &str, (start, end): (usize, usize), attributes: Vec<(&str, Value)>| {
        json!({
            "traceId": "ab".repeat(16), "spanId": format!("{id:016x}"), "parentSpanId": parent, "name": name,
            "startTimeUnixNano": second(start), "endTimeUnixNano": second(end),
            "attributes": attributes.into_iter().map(attribute).collect::<Vec<_>>(),
        })
    };
    let root = vec![("gen_ai.operation.name", json!("invoke_agent")), ("gen_ai.agent.name", json!("waste"))];
    let mut spans = vec![span(1, "", "waste", (0, 300), root)];
    for call in 0..21 {
        let messages = json!([message("system", &text(3_000, 0)), message("user", &text(10, call + 1))]);
        let attributes = vec![
            ("gen_ai.operation.name", json!("chat")),
            ("gen_ai.provider.name", json!("openai")),
            ("gen_ai.request.model", json!("gpt-4o")),
            ("gen_ai.input.messages", json!(messages.to_string())),
            ("gen_ai.usage.input_tokens", json!(3_010)),
            ("gen_ai.usage.output_tokens", json!(20)),
            ("gen_ai.usage.cache_read.input_tokens", json!(0)),
        ];
        spans.push(span(call + 2, "0000000000000001", "chat gpt-4o", (call * 10, call * 10 + 1), attributes));
    }
    json!({"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}).to_string()
}

#[test]
fn cost_divides_by_model_and_says_what_a_success_costs() {
    let home = Home::new("cost-text");
    home.write("runs.json", otlp(&SIX_RUNS));
    home.run(&["import", "runs.json"]).ok();
    expect![[r#"
        exit 0
        --- stdout
        ━━━ Cost of all agents ━━━
        Total           $0.021  6 runs, 6 model calls
        Per run         $0.0035
        Per success     $0.007  n = 3 of 6 runs
        Failed runs     $0.0105  3 runs
        Time of a run   1.0 s  9.0 % model, 9.0 % tools, 82.0 % other, over 6 runs

        By model                                         cost   share     calls          input       cached       output      time
        gpt-4o                                         $0.021 100.0 %         6          6,000            0          600     90 ms
        --- stderr
    "#]].assert_eq(&home.run(&["cost", "--no-savings"]).all());
    let answer = home.run(&["cost", "--by", "outcome", "--json"]).json();
    // 1,000 tokens at $2.50 and 100 at $10 per million; half of the runs succeed.
    assert_eq!(answer["total"]["cost"], 6 * 3_500_000);
    assert_eq!(
        (&answer["figures"]["per_run"], &answer["figures"]["per_success"]),
        (&json!(3_500_000), &json!(7_000_000))
    );
    assert_eq!(answer["lines"].as_array().unwrap().len(), 2);
    assert_eq!(answer["savings_of"], "shop");
    let csv = home.run(&["cost", "--by", "tool", "--csv"]).ok();
    assert!(csv.starts_with("tool,agent,runs,succeeded,failed,priced_runs,calls,"), "{csv}");
    assert_eq!(csv.lines().count(), 3);
    let cut = home.run(&["cost", "--by", "tool", "--csv", "--limit", "1"]);
    assert_eq!((cut.stdout.lines().count(), cut.stderr.as_str()), (2, "there are more lines: raise --limit\n"));
}

#[test]
fn lines_are_written_as_parquet_with_what_the_csv_has() {
    let home = Home::new("cost-parquet");
    home.write("runs.json", otlp(&SIX_RUNS));
    home.run(&["import", "runs.json"]).ok();
    let wrote = home.run(&["cost", "--by", "tool", "--parquet", "cost.parquet"]);
    assert_eq!((wrote.stdout.as_str(), wrote.stderr.as_str()), ("", "wrote 2 lines to cost.parquet\n"));
    let file = SerializedFileReader::new(std::fs::File::open(home.path("cost.parquet")).unwrap()).unwrap();
    let schema = file.metadata().file_metadata().schema().get_fields();
    let header: Vec<&str> = schema.iter().map(|field| field.name()).collect();
    let mut lines = vec![header.join(",")];
    for row in file.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let cells = row.get_column_iter().map(|(_, cell)| match cell {
            Field::Null => String::new(),
            Field::Str(text) => text.clone(),
            other => other.to_string(),
        });
        lines.push(cells.collect::<Vec<_>>().join(","));
    }
    let csv = home.run(&["cost", "--by", "tool", "--csv"]).ok();
    assert_eq!(lines, csv.lines().collect::<Vec<_>>());
    // The line of calls that asked for no tool has no name, which is not an empty one.
    let rows: Vec<_> = file.get_row_iter(None).unwrap().map(|row| row.unwrap().into_columns().remove(0).1).collect();
    assert!(rows.contains(&Field::Null) && rows.contains(&Field::Str("track_parcel".to_owned())), "{rows:?}");
    let nowhere = home.run(&["cost", "--parquet", "no/such/folder/cost.parquet"]);
    assert_eq!(nowhere.code, Some(2));
    assert!(nowhere.stderr.contains("cannot write no/such/folder/cost.parquet"), "{}", nowhere.stderr);
}

#[test]
fn a_prefix_that_was_resent_is_found_end_to_end_with_its_amount() {
    let home = Home::new("cost-savings");
    home.write("runs.json", resending());
    home.run(&["import", "runs.json"]).ok();
    let answer = home.run(&["cost", "--json"]).json();
    let saving = &answer["savings"]["savings"][0];
    assert_eq!(saving["kind"], "prompt-caching");
    // Twenty times 2,944 tokens (steps of 128) at $1.25 instead of $2.50 per million.
    assert_eq!((&saving["calls"], &saving["tokens"]), (&json!(20), &json!(58_880)));
    assert_eq!(saving["amount"], 73_600_000);
    assert_eq!(saving["evidence"][0]["trace_id"], "ab".repeat(16));
    let shown = home.run(&["debug"]).ok();
    assert!(shown.contains("$0.0736: 20 calls sent 58880 tokens again"), "{shown}");
}

#[test]
fn a_call_without_token_counts_is_estimated_beside_its_unknown_cost() {
    let home = Home::new("cost-estimated");
    let message =
        |role: &str| json!([{"role": role, "parts": [{"type": "text", "content": "hello world"}]}]).to_string();
    let attributes = [
        ("gen_ai.operation.name", "chat".to_owned()),
        ("gen_ai.provider.name", "openai".to_owned()),
        ("gen_ai.request.model", "gpt-4o".to_owned()),
        ("gen_ai.agent.name", "quiet".to_owned()),
        ("gen_ai.input.messages", message("user")),
        ("gen_ai.output.messages", message("assistant")),
    ];
    let attributes: Vec<Value> =
        attributes.iter().map(|(key, text)| json!({"key": key, "value": {"stringValue": text}})).collect();
    let span = json!({
        "traceId": "cd".repeat(16), "spanId": "0000000000000001", "name": "chat gpt-4o", "attributes": attributes,
        "startTimeUnixNano": "1760000000000000000", "endTimeUnixNano": "1760000001000000000",
    });
    home.write("runs.json", json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string());
    home.run(&["import", "runs.json"]).ok();
    let answer = home.run(&["cost", "--json"]).json();
    // Unknown stays unknown, in sums and per run.
    assert_eq!((&answer["total"]["unpriced_calls"], &answer["figures"]["per_run"]), (&json!(1), &Value::Null));
    assert_eq!((&answer["total"]["cost"], &answer["savings"]["cost"]), (&Value::Null, &json!(0)));
    // `hello world` has two tokens; a message has four more and a prompt three. 9 × 2,500 + 2 × 10,000 nano-dollars.
    let estimated = json!({"calls": 1, "input_tokens": 9, "output_tokens": 2, "cost": 42_500, "left_out": 0});
    assert_eq!(answer["savings"]["estimated"], estimated);
    let line = "estimated $0.000043 for 1 call without token counts, by their text (9 tokens in, 2 out): in no figure";
    let shown = home.run(&["cost"]).ok();
    assert!(shown.contains(line), "{shown}");
    let run = home.run(&["trace", &"cd".repeat(16), "--json"]).json();
    assert_eq!((&run["estimated"], &run["run"]["cost"]["at_least"]), (&estimated, &json!(0)));
    assert_eq!(run["timing"]["critical_path"][0]["own_ns"], 1_000_000_000);
    let shown = home.run(&["trace", &"cd".repeat(16)]).ok();
    assert!(shown.contains(line), "{shown}");
}

#[test]
fn prices_of_ones_own_outrank_the_table_and_can_be_taken_back() {
    let home = Home::new("cost-prices");
    home.write("runs.json", otlp(&SIX_RUNS));
    home.run(&["import", "runs.json"]).ok();
    let total = |home: &Home| home.run(&["cost", "--json", "--no-savings"]).json()["total"]["cost"].clone();
    let before = home.run(&["cost", "--json", "--no-savings"]).json();
    home.write("../prices.toml", PRICES);
    assert_eq!(total(&home), 6 * 3_500_000, "what is stored stays until it is asked for");
    home.run(&["prices", "recompute"]).ok();
    assert_eq!(total(&home), 6 * (1_000 * 2_000 + 100 * 8_500));
    expect![[r#"
        exit 0
        --- stdout
        gpt-4o                                   input               $2.00 instead of $2.50
        gpt-4o                                   output              $8.50 instead of $10.00
        gpt-4o                                   cache_read          $2.00 instead of $1.25
        gpt-4o                                   cache_write         $2.00 instead of $2.50
        --- stderr
    "#]]
    .assert_eq(&home.run(&["prices", "diff"]).all());
    home.write("../prices.toml", "");
    home.run(&["prices", "recompute"]).ok();
    assert_eq!(home.run(&["cost", "--json", "--no-savings"]).json(), before);
    home.write("../prices.toml", "[[price]]\nmodel = \"m\"\ninput = -1\noutput = 1");
    assert_eq!(home.run(&["cost"]).code, Some(2));
}

#[test]
fn the_prices_of_a_model_are_shown() {
    let home = Home::new("cost-show");
    expect![[r#"
        exit 0
        --- stdout
        openai/gpt-4o, dollars per million tokens
          input               $2.50
          output             $10.00
          cache_read          $1.25
          cache_write         $2.50
        --- stderr
    "#]]
    .assert_eq(&home.run(&["prices", "show", "gpt-4o", "--at", "2025-06-01"]).all());
    expect![[r#"
        exit 2
        --- stdout
        --- stderr
        error: no price for model `my-finetune`; calls of it have an unknown cost until prices.toml in the data directory has one
    "#]].assert_eq(&home.run(&["prices", "show", "my-finetune"]).all());
}

#[test]
fn a_division_over_all_time_cannot_begin_somewhere() {
    let home = Home::new("cost-since");
    home.write("runs.json", otlp(&SIX_RUNS));
    home.run(&["import", "runs.json"]).ok();
    expect![[r#"
        exit 2
        --- stdout
        --- stderr
        error: cost by session is kept over all time only; ask without a time
    "#]]
    .assert_eq(&home.run(&["cost", "--by", "session", "--since", "7d"]).all());
}

#[test]
fn a_budget_that_is_used_up_fails_the_check_and_without_budgets_it_says_how_to_write_one() {
    let home = Home::new("cost-budgets");
    home.write("runs.json", otlp(&SIX_RUNS));
    home.run(&["import", "runs.json"]).ok();
    let none = home.run(&["budgets"]);
    assert!(none.stderr.contains("no budgets: write them into budgets.toml"), "{}", none.stderr);
    home.write("../budgets.toml", "[[budget]]\nname = \"all\"\namount = 0.01\nper = \"month\"\n");
    let found: Value = serde_json::from_str(&home.run(&["budgets", "--json"]).ok()).unwrap();
    // The runs are of another month.
    assert_eq!((&found["budgets"][0]["spent"], &found["budgets"][0]["level"]), (&json!(0), &json!("within")));
    home.run(&["budgets", "--check"]).ok();
    home.write("../budgets.toml", "[[budget]]\nname = \"all\"\namount = -1\nper = \"month\"\n");
    let refused = home.run(&["budgets"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("the entry `all` has an amount"), "{}", refused.stderr);
}

#[test]
fn a_providers_export_is_compared_by_day_and_model() {
    let home = Home::new("cost-reconcile");
    home.write("waste.json", resending());
    home.run(&["import", "waste.json"]).ok();
    let header =
        "start_time,start_time_iso,num_model_requests,model,batch,input_tokens,output_tokens,input_cached_tokens\n";
    // 21 calls of 3,010 and 20 tokens, on the day of 1,760,000,000 seconds after 1970.
    let line = |input: u64| format!("1759968000,2025-10-09T00:00:00+00:00,21,gpt-4o-2024-08-06,false,{input},420,0\n");
    home.write("same.csv", format!("{header}{}", line(63_210)));
    let same = home.run(&["prices", "reconcile", "same.csv"]).ok();
    assert_eq!(same, "Usage at openai: 1 equal line, 0 differences\n");
    home.write("more.csv", format!("{header}{}", line(70_000)));
    let more = home.run(&["prices", "reconcile", "more.csv"]).ok();
    assert!(more.contains("6790 input tokens more with the provider: calls that were not recorded"), "{more}");
    home.write("other.csv", "a,b\n1,2\n");
    let other = home.run(&["prices", "reconcile", "other.csv"]);
    assert_eq!(other.code, Some(3));
    assert!(other.stderr.contains("expected are those of OpenAI's usage export"), "{}", other.stderr);
}

#[test]
fn a_price_table_that_is_taken_from_a_file_is_used_from_then_on() {
    let home = Home::new("cost-update");
    home.write("broken.json", "{}");
    assert_eq!(home.run(&["prices", "update", "--from", "broken.json"]).code, Some(3));
    let table = json!([{
        "id": "openai", "name": "OpenAI", "api_pattern": "https://api\\.openai\\.com",
        "model_match": {"starts_with": "gpt-"},
        "models": [{"id": "gpt-4o", "match": {"equals": "gpt-4o"}, "prices": {"input_mtok": 7, "output_mtok": 9}}],
    }]);
    home.write("table.json", table.to_string());
    let update = home.run(&["prices", "update", "--from", "table.json"]);
    assert!(update.stderr.contains("a price table with 1 model is in use"), "{}", update.stderr);
    let shown = home.run(&["prices", "show", "gpt-4o", "--provider", "openai"]).ok();
    assert!(shown.contains("$7"), "{shown}");
}

//! `arc-eval cost` on a scripted agent whose waste is known: every count and every nano-dollar below is computed by hand.
//!
//! Texts are made so that four bytes are a token, as the counts beside them say. Prices are those of gpt-4o in October
//! 2025: $2.50 a million tokens in, $1.25 of them from the cache, $10.00 out, so 2,500, 1,250 and 10,000 nano-dollars each.

use serde_json::{Value, json};

use crate::Home;

/// Tokens of an answer.
const OUTPUT: usize = 20;
/// The arguments of the call that is refused, again and again.
const HOPELESS: &str = r#"{"id":"order-00000000000000000000000000000000000000000000000000000007"}"#;

/// The agent sends 21 calls, ten seconds after one another, and each begins with the same 3,000 tokens:
///
/// | calls | what they are | tokens in |
/// |---|---|---|
/// | 1 to 13 | a question each | 3,010 |
/// | 14 and 15 | what calls 1 and 2 asked, again | 3,010 |
/// | 16 to 21 | a tool that answers with 404 is asked for, with the same arguments, six times | 3,010, then 30 more each |
struct Script {
    spans: Vec<Value>,
}

impl Script {
    fn play() -> Self {
        let mut script = Self { spans: Vec::new() };
        let root = vec![("gen_ai.operation.name", json!("invoke_agent")), ("gen_ai.agent.name", json!("waste"))];
        script.span("waste", (0, 220), root);
        for call in 0..15 {
            let question = if call < 13 { call } else { call - 13 };
            let answer = json!({"type": "text", "content": text(OUTPUT, 200 + call)});
            script.call(call, 3_010, &[message("user", &text(10, 100 + question))], &answer);
        }
        let mut conversation = vec![message("user", &text(10, 115))];
        for turn in 0..6 {
            let (call, id) = (15 + turn, format!("call-{turn}"));
            let arguments: Value = serde_json::from_str(HOPELESS).unwrap();
            let asks = json!({"type": "tool_call", "id": id, "name": "get_order", "arguments": arguments});
            script.call(call, 3_010 + 30 * turn, &conversation, &asks);
            script.refused(call, &id);
            conversation.push(json!({"role": "assistant", "parts": [asks]}));
            let result = json!({"type": "tool_call_response", "id": id, "result": refusal()});
            conversation.push(json!({"role": "tool", "parts": [result]}));
        }
        script
    }

    /// A model call that takes a second: the prefix, then `messages`.
    fn call(&mut self, call: usize, input: usize, messages: &[Value], answer: &Value) {
        let system = message("system", &text(2_400, 0));
        let sent: Vec<Value> = std::iter::once(system).chain(messages.iter().cloned()).collect();
        let attributes = vec![
            ("gen_ai.operation.name", json!("chat")),
            ("gen_ai.provider.name", json!("openai")),
            ("gen_ai.request.model", json!("gpt-4o")),
            ("gen_ai.tool.definitions", json!(json!(tools()).to_string())),
            ("gen_ai.input.messages", json!(json!(sent).to_string())),
            ("gen_ai.output.messages", json!(json!([{"role": "assistant", "parts": [answer]}]).to_string())),
            ("gen_ai.usage.input_tokens", json!(input)),
            ("gen_ai.usage.output_tokens", json!(OUTPUT)),
            ("gen_ai.usage.cache_read.input_tokens", json!(0)),
        ];
        self.span("chat gpt-4o", (call * 10, call * 10 + 1), attributes);
    }

    /// The tool call that follows, refused for good.
    fn refused(&mut self, call: usize, id: &str) {
        let attributes = vec![
            ("gen_ai.operation.name", json!("execute_tool")),
            ("gen_ai.tool.name", json!("get_order")),
            ("gen_ai.tool.call.id", json!(id)),
            ("gen_ai.tool.call.arguments", json!(HOPELESS)),
            ("error.type", json!("404")),
        ];
        let span = self.span("execute_tool get_order", (call * 10 + 2, call * 10 + 3), attributes);
        span["status"] = json!({"code": 2, "message": refusal()});
    }

    fn span(&mut self, name: &str, (start, end): (usize, usize), attributes: Vec<(&str, Value)>) -> &mut Value {
        let id = self.spans.len() + 1;
        let second = |seconds: usize| (1_760_000_000_000_000_000_u64 + seconds as u64 * 1_000_000_000).to_string();
        let attribute = |(key, value): (&str, Value)| match value {
            Value::Number(number) => json!({"key": key, "value": {"intValue": number.to_string()}}),
            other => json!({"key": key, "value": {"stringValue": other.as_str().unwrap()}}),
        };
        self.spans.push(json!({
            "traceId": "ab".repeat(16),
            "spanId": format!("{id:016x}"),
            "parentSpanId": if id == 1 { String::new() } else { format!("{:016x}", 1) },
            "name": name,
            "startTimeUnixNano": second(start),
            "endTimeUnixNano": second(end),
            "attributes": attributes.into_iter().map(attribute).collect::<Vec<_>>(),
        }));
        self.spans.last_mut().unwrap()
    }

    fn otlp(&self) -> String {
        json!({"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": self.spans}]}]}).to_string()
    }
}

/// A text of so many tokens; another number gives another text.
fn text(tokens: usize, number: usize) -> String {
    format!("{number:04}{}", "abc ".repeat(tokens - 1))
}

fn message(role: &str, text: &str) -> Value {
    json!({"role": role, "parts": [{"type": "text", "content": text}]})
}

/// What the tool says: ten tokens.
fn refusal() -> &'static str {
    "404 not found: there is no order like it"
}

/// Three tools of 200 tokens each, of which one is used. With the instructions of 2,400 they are the 3,000.
fn tools() -> [Value; 3] {
    ["get_order", "send_a_fax", "set_colour"].map(|name| {
        let parameters = json!({"type": "object"});
        let description = "d".repeat(800 - name.len() - parameters.to_string().len());
        json!({"type": "function", "name": name, "description": description, "parameters": parameters})
    })
}

#[test]
fn a_scripted_agent_with_known_waste_is_told_each_saving_to_the_token_and_the_nano_dollar() {
    // 20 tokens of a call: the tool's name and its arguments. 10 of what comes back.
    assert_eq!(("get_order".len() + HOPELESS.len(), refusal().len()), (80, 40));
    let home = Home::new("known-waste");
    home.write("runs.json", Script::play().otlp());
    home.run(&["import", "runs.json"]).ok();
    let answer = home.run(&["cost", "--json"]).json();

    // In: 15 calls of 3,010 are 45,150; the six of the storm 3,010 + 3,040 + 3,070 + 3,100 + 3,130 + 3,160 = 18,510;
    // together 63,660. Out: 21 × 20 = 420. 63,660 × 2,500 + 420 × 10,000 = 159,150,000 + 4,200,000.
    assert_eq!(
        (&answer["total"]["input_tokens"], &answer["total"]["output_tokens"], &answer["total"]["cost"]),
        (&json!(63_660), &json!(420), &json!(163_350_000))
    );
    let savings = &answer["savings"];
    assert_eq!((&savings["calls"], &savings["unpriced_calls"]), (&json!(21), &json!(0)));
    assert_eq!(savings["cost"], 163_350_000);

    let found: Vec<_> = savings["savings"].as_array().unwrap().iter().map(figures).collect();
    let expected = [
        // The 20 calls after the first. The cache holds multiples of 128 tokens: 23 × 128 = 2,944 of the 3,000 that
        // calls 2 to 13 and 16 share with an earlier one (13), of the 3,010 of calls 14, 15 and 17 (3), and of the 3,040
        // and 3,070 that calls 18 and 19 do (2); 24 × 128 = 3,072 of the 3,100 and 3,130 of calls 20 and 21.
        // 18 × 2,944 + 2 × 3,072 = 52,992 + 6,144 = 59,136 tokens, each at 1,250 instead of 2,500: 73,920,000.
        ("prompt-caching", 20, 59_136, 73_920_000),
        // Calls 17 to 21: 3,040 + 3,070 + 3,100 + 3,130 + 3,160 = 15,500 in, 5 × 20 = 100 out.
        // 15,500 × 2,500 + 100 × 10,000 = 38,750,000 + 1,000,000.
        ("permanent-errors", 5, 15_600, 39_750_000),
        // Two tools of 200 tokens in each of 21 calls: 8,400 tokens; 8,400 × 2,500.
        ("unused-tools", 21, 8_400, 21_000_000),
        // Calls 14 and 15: 2 × (3,010 + 20) = 6,060 tokens. 2 × (3,010 × 2,500 + 20 × 10,000) = 2 × 7,725,000.
        ("duplicate-calls", 2, 6_060, 15_450_000),
        // No answer has a word of a result, so each is kept for one call after the one that read it first: call 19
        // sends one older result of 10 tokens, call 20 two, call 21 three. 60 × 2,500.
        ("history-trimming", 3, 60, 150_000),
    ];
    assert_eq!(found, expected, "{savings:#}");
    assert!(savings["savings"].as_array().unwrap().iter().all(|saving| saving["unpriced_calls"] == 0));

    let of = |kind: &str| savings["savings"].as_array().unwrap().iter().find(|saving| saving["kind"] == kind).unwrap();
    // A second a call.
    assert_eq!(of("duplicate-calls")["time_ns"], 2_000_000_000_u64);
    assert_eq!(of("permanent-errors")["time_ns"], 5_000_000_000_u64);
    // Of parts of a prompt the tokens are in proportion to their length; of whole calls the provider counted them.
    assert_eq!(
        (&of("unused-tools")["basis"], &of("duplicate-calls")["basis"]),
        (&json!("estimated"), &json!("counted"))
    );
    let unused = of("unused-tools")["title"].as_str().unwrap();
    assert!(unused.ends_with("`send_a_fax`, `set_colour`"), "{unused}");
    // Spans are numbered as they are written: the run, 15 calls, then model and tool in turn.
    let shown = |kind: &str| of(kind)["evidence"][0]["span_id"].clone();
    assert_eq!(
        (shown("duplicate-calls"), shown("permanent-errors")),
        (json!(format!("{:016x}", 15)), json!(format!("{:016x}", 19)))
    );

    let text = home.run(&["cost"]).ok();
    for amount in ["$0.07392: 20", "$0.03975, 5.0 s", "$0.021: 2", "$0.01545, 2.0 s", "$0.00015: 3"] {
        assert!(text.contains(amount), "{amount}: {text}");
    }
}

fn figures(saving: &Value) -> (&str, u64, u64, u64) {
    let count = |name: &str| saving[name].as_u64().unwrap();
    (saving["kind"].as_str().unwrap(), count("calls"), count("tokens"), count("amount"))
}

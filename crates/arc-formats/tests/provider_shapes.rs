//! One exchange of each shape that is not `OpenAI`'s or Anthropic's, as its provider writes it.

use arc_formats::provider::{Call, Exchange, exchange};
use arc_model::{FinishReason, Part, Usage};
use serde_json::{Value, json};

fn read(url: &str, request: &Value, response: &str) -> Call {
    exchange(&Exchange {
        url: Some(url),
        request: Some(request.to_string().as_bytes()),
        status: Some(200),
        response: Some(response.as_bytes()),
        ..Exchange::default()
    })
}

/// What was answered: texts as they are, reasoning after a tilde, calls as `name(arguments)`.
fn said(call: &Call) -> String {
    let parts = call.messages_out.iter().flat_map(|message| &message.parts).map(|part| match part {
        Part::Text { text } => text.clone(),
        Part::Reasoning { text } => format!("~{text}"),
        Part::ToolCall { name, arguments, .. } => format!("{name}({})", arguments.to_text()),
        other => format!("{other:?}"),
    });
    parts.collect::<Vec<_>>().join(" ")
}

fn counts(call: &Call) -> (Option<u64>, Option<u64>) {
    let usage = call.usage.clone().unwrap_or_default();
    (usage.input, usage.output)
}

#[test]
fn an_answer_of_gemini_reads_the_same_in_the_spelling_of_python() {
    let python = json!({
        "candidates": [{"content": {"role": "model", "parts": [
                {"text": "I look.", "thought": null, "function_call": null, "inline_data": null},
                {"text": null, "function_call": {"id": null, "name": "geo", "args": {"q_x": "Oslo"}}}]},
            "finish_reason": "STOP", "finish_message": null, "token_count": null}],
        "model_version": "gemini-x-1", "response_id": "r", "prompt_feedback": null, "parsed": null,
        "usage_metadata": {"prompt_token_count": 10, "candidates_token_count": 3, "thoughts_token_count": 4,
            "cached_content_token_count": 2, "tool_use_prompt_token_count": null, "traffic_type": "ON_DEMAND",
            "prompt_tokens_details": [{"modality": "IMAGE", "token_count": 6}]}});
    let api = json!({
        "candidates": [{"content": {"role": "model", "parts": [
                {"text": "I look."}, {"functionCall": {"name": "geo", "args": {"q_x": "Oslo"}}}]},
            "finishReason": "STOP"}],
        "modelVersion": "gemini-x-1", "responseId": "r",
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 3, "thoughtsTokenCount": 4,
            "cachedContentTokenCount": 2, "trafficType": "ON_DEMAND",
            "promptTokensDetails": [{"modality": "IMAGE", "tokenCount": 6}]}});
    let read = |answer: Value| {
        let mut call = arc_formats::provider::answer(answer).unwrap();
        call.raw_usage = None;
        call
    };
    assert_eq!(read(python.clone()), read(api));
    let usage = read(python).usage.unwrap();
    assert_eq!((usage.input, usage.output, usage.cache_read, usage.image_input), (Some(10), Some(7), Some(2), Some(6)));
}

#[test]
fn gemini_streams_in_a_list_or_as_events_and_its_results_are_joined_by_their_order() {
    let url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-x:streamGenerateContent";
    let request = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": "?"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "a", "args": {"x": 1}}}, {"functionCall": {"name": "b", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "a", "response": {"r": 1}}}, {"functionResponse": {"name": "b", "response": {"r": 2}}}]}],
        "tools": [{"functionDeclarations": [{"name": "a", "parametersJsonSchema": {"type": "object"}}]}, {"googleSearch": {}}],
        "generationConfig": {"maxOutputTokens": 9, "stopSequences": ["END"]}});
    let events = [
        json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "Hm", "thought": true}]}}]}),
        json!({"candidates": [{"content": {"parts": [{"text": "It "}]}}]}),
        json!({"candidates": [{"content": {"parts": [{"text": "rains."}]}, "finishReason": "STOP"}], "modelVersion": "gemini-x-1",
            "responseId": "r", "usageMetadata": {"promptTokenCount": 10, "toolUsePromptTokenCount": 5, "candidatesTokenCount": 3,
                "thoughtsTokenCount": 4, "promptTokensDetails": [{"modality": "IMAGE", "tokenCount": 6}]}}),
    ];
    let sse = events.iter().fold(String::new(), |sse, event| format!("{sse}data: {event}\r\n\r\n"));
    for response in [Value::from(events.to_vec()).to_string(), sse] {
        let call = read(url, &request, &response);
        assert_eq!((said(&call).as_str(), call.is_complete), ("~Hm It rains.", Some(true)));
        assert_eq!(
            (call.request_model.as_deref(), call.response_model.as_deref()),
            (Some("gemini-x"), Some("gemini-x-1"))
        );
        let usage = Usage {
            input: Some(15),
            output: Some(7),
            reasoning: Some(4),
            tool_input: Some(5),
            image_input: Some(6),
            ..Usage::default()
        };
        assert_eq!(call.usage, Some(usage));
        assert_eq!(call.parameters["max_tokens"], 9);
        assert_eq!(call.tools_offered.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["a", "googleSearch"]);
        let tools: Vec<_> =
            call.tool_outcomes.iter().map(|tool| (tool.name.as_deref(), tool.result.to_text())).collect();
        assert_eq!(tools, [(Some("a"), r#"{"r":1}"#.to_owned()), (Some("b"), r#"{"r":2}"#.to_owned())]);
        // Calls without an id are told apart by their place.
        assert_ne!(call.tool_outcomes[0].key, call.tool_outcomes[1].key);
    }
}

#[test]
fn cohere_is_read_in_both_versions_and_counts_what_it_bills() {
    let first = json!({"model": "command", "message": "?", "preamble": "Be brief.", "chat_history": [{"role": "CHATBOT", "message": "Hi"}]});
    let answer = json!({"text": "Yes.", "generation_id": "g", "finish_reason": "COMPLETE", "meta": {"billed_units": {"input_tokens": 3,
        "output_tokens": 1}, "tokens": {"input_tokens": 70, "output_tokens": 2}}});
    let call = read("https://api.cohere.com/v1/chat", &first, &answer.to_string());
    assert_eq!((said(&call).as_str(), call.messages_in.len(), counts(&call)), ("Yes.", 3, (Some(3), Some(1))));
    let second = json!({"model": "command", "messages": [{"role": "user", "content": "?"}]});
    let events = [
        json!({"type": "message-start", "id": "i", "delta": {"message": {"role": "assistant"}}}),
        json!({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I look."}}}),
        json!({"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": {"id": "t", "type": "function", "function": {"name": "get", "arguments": ""}}}}}),
        json!({"type": "tool-call-delta", "index": 0, "delta": {"message": {"tool_calls": {"function": {"arguments": "{\"a\":1}"}}}}}),
        json!({"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": {"tokens": {"input_tokens": 9, "output_tokens": 2}}}}),
    ];
    let sse = events.iter().fold(String::new(), |sse, event| format!("{sse}data: {event}\n\n"));
    let call = read("https://api.cohere.com/v2/chat", &second, &sse);
    assert_eq!((said(&call).as_str(), counts(&call)), ("~I look. get({\"a\":1})", (Some(9), Some(2))));
    assert_eq!(
        (call.finish_reasons.as_slice(), call.provider.as_deref()),
        (&[FinishReason::ToolCall][..], Some("cohere"))
    );
}

#[test]
fn ollama_streams_lines_and_one_that_breaks_off_is_kept() {
    let request = json!({"model": "qwen", "messages": [{"role": "user", "content": "?", "images": ["AAAA"]}], "options": {"num_predict": 5}});
    let lines = "{\"model\":\"qwen\",\"created_at\":\"t\",\"message\":{\"role\":\"assistant\",\"content\":\"It \"},\"done\":false}\n\
                 {\"model\":\"qwen\",\"created_at\":\"t\",\"message\":{\"role\":\"assistant\",\"content\":\"rains.\"},\"done\":false}\n\
                 {\"model\":\"qwen\",\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":8,\"eval_count\":3}\n";
    let call = read("http://localhost:11434/api/chat", &request, lines);
    assert_eq!((said(&call).as_str(), counts(&call), call.is_complete), ("It rains.", (Some(8), Some(3)), Some(true)));
    assert_eq!((call.provider.as_deref(), call.parameters["max_tokens"].as_u64()), (Some("ollama"), Some(5)));
    let cut = read("http://localhost:11434/api/chat", &request, &lines[..150]);
    assert_eq!((said(&cut).as_str(), cut.is_complete), ("It ", Some(false)));
}

#[test]
fn bedrock_answers_in_the_shape_of_the_models_vendor() {
    let url = |model: &str| format!("https://bedrock-runtime.us-east-1.amazonaws.com/model/{model}/invoke");
    let claude = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [{"role": "user", "content": "?"}]});
    let answer = json!({"id": "msg_bdrk_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "Yes."}], "usage": {"input_tokens": 3, "output_tokens": 1}});
    let titan = json!({"inputText": "?", "textGenerationConfig": {"maxTokenCount": 9}});
    let text = json!({"inputTextTokenCount": 3, "results": [{"tokenCount": 1, "outputText": "Yes.", "completionReason": "FINISH"}]});
    let llama = json!({"prompt": "?", "max_gen_len": 9});
    let generation =
        json!({"generation": "Yes.", "prompt_token_count": 3, "generation_token_count": 1, "stop_reason": "stop"});
    for (model, request, answer) in
        [("anthropic.claude%3A0", claude, answer), ("amazon.titan", titan, text), ("meta.llama", llama, generation)]
    {
        let call = read(&url(model), &request, &answer.to_string());
        assert_eq!((said(&call).as_str(), counts(&call)), ("Yes.", (Some(3), Some(1))), "{model}");
        assert_eq!((call.provider.as_deref(), call.messages_in.len()), (Some("aws.bedrock"), 1));
        assert_eq!(
            (call.request_model, call.parameters["max_tokens"].as_u64()),
            (Some(model.replace("%3A", ":")), Some(9))
        );
    }
}

#[test]
fn embeddings_keep_their_texts_and_say_their_vectors() {
    let answer = json!({"object": "list", "model": "e-1", "data": [{"embedding": [0.1, 0.2]}, {"embedding": [0.3, 0.4]}],
        "usage": {"prompt_tokens": 4, "total_tokens": 4}});
    let call =
        read("https://api.openai.com/v1/embeddings", &json!({"model": "e", "input": ["a", "b"]}), &answer.to_string());
    assert_eq!(call.output.map(|output| output.to_text()).as_deref(), Some("2 vectors of 2 dimensions"));
    assert_eq!(
        (call.usage.and_then(|usage| usage.input), call.input.map(|input| input.to_text())),
        (Some(4), Some(r#"["a","b"]"#.to_owned()))
    );
}

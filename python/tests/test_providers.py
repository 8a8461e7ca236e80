"""Requests and answers that the scripted server does not produce: text in, facts out."""

from __future__ import annotations

import itertools

import pytest

from agent_eval import _sse
from agent_eval._providers import WIRES, anthropic_messages, openai_chat, openai_responses, recognise
from agent_eval._tools import PendingCall, ToolResult, Transcript


@pytest.mark.parametrize(
    ("path", "body", "wire"),
    [
        ("/v1/chat/completions", {"messages": []}, openai_chat),
        ("/openai/deployments/x/chat/completions", {"messages": []}, openai_chat),
        ("/v1/responses", {"input": "hello"}, openai_responses),
        ("/v1/messages", {"messages": [], "max_tokens": 1}, anthropic_messages),
        ("/v1/messages/count_tokens", {"messages": []}, None),
        ("/api/messages", {"messages": ["a mail"]}, None),
        ("/survey/responses", {"answers": []}, None),
        ("/v1/embeddings", {"input": "hello"}, None),
    ],
)
def test_a_model_call_is_told_by_path_and_body(path, body, wire):
    assert recognise(path, body) is wire


def test_anthropic_input_includes_what_was_read_from_and_written_to_the_cache():
    usage = {
        "input_tokens": 10,
        "output_tokens": 5,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 40,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 30},
    }
    counted = {"input": 150, "output": 5, "cache_read": 100, "cache_write": 40, "cache_write_1h": 30}
    assert anthropic_messages.answer({"usage": usage}).usage == counted
    assert anthropic_messages.answer({"usage": {"output_tokens": 5}}).usage == {"output": 5}


PICTURE = "data:image/png;base64,AAAA"


@pytest.mark.parametrize(
    ("wire", "content", "parts"),
    [
        (openai_chat, [{"type": "image_url", "image_url": {"url": PICTURE}}], [("blob", "image/png")]),
        (openai_chat, [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}], [("uri", None)]),
        (
            openai_chat,
            [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}],
            [("blob", "audio/wav")],
        ),
        (openai_chat, [{"type": "novelty", "data": "AAAA"}], [("novelty", None)]),
        (openai_responses, [{"type": "input_image", "image_url": PICTURE}], [("blob", "image/png")]),
        (
            anthropic_messages,
            [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}],
            [("blob", "image/png")],
        ),
    ],
)
def test_media_are_named_and_their_bytes_left_out(wire, content, parts):
    key = "input" if wire is openai_responses else "messages"
    (message,) = wire.request({key: [{"role": "user", "content": content}]}).messages
    assert [(part["type"], part.get("mime_type")) for part in message["parts"]] == parts
    assert "AAAA" not in str(message)


def test_reasoning_is_told_from_text():
    chat = {"choices": [{"message": {"content": "a", "reasoning_content": "hm"}}]}
    responses = {"output": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}]}
    messages = {"content": [{"type": "thinking", "thinking": "hm", "signature": "x"}]}
    for wire, body in ((openai_chat, chat), (openai_responses, responses), (anthropic_messages, messages)):
        assert wire.answer(body).messages[0]["parts"][0] == {"type": "reasoning", "content": "hm"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"status": "completed"}, ["stop"]),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, ["max_output_tokens"]),
        ({"status": "failed", "error": {"code": "server_error", "message": "m"}}, ["error"]),
        ({"status": "in_progress"}, []),
        ({}, []),
    ],
)
def test_the_status_of_a_response_is_its_finish_reason(body, reason):
    assert openai_responses.answer(body).finish_reasons == reason


ODD = [
    None,
    True,
    1,
    1.5,
    "x",
    [],
    {},
    [None],
    [1],
    ["x"],
    [[]],
    [{}],
    {"x": 1},
    [{"type": 1}],
    [{"type": None, "id": 3}],
]
NAMES = (
    "messages input system instructions tools content output choices usage error id model stop_reason status "
    "delta index message content_block response tool_calls function"
)
FIELDS = NAMES.split()


@pytest.mark.parametrize("wire", WIRES)
def test_no_body_whatever_makes_a_reader_fail(wire):
    for field, odd in itertools.product(FIELDS, ODD):
        nested = {"role": "user", "type": "message", field: odd}
        for body in ({field: odd}, {"messages": [nested], "input": [nested], "choices": [nested], "output": [nested]}):
            wire.request(body)
            wire.answer(body)
            kinds = (
                "message_start",
                "content_block_delta",
                "message_delta",
                "response.output_text.delta",
                "error",
                None,
            )
            wire.reassemble([_sse.StreamEvent(kind, {"type": kind, **body}) for kind in kinds])


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_events_are_read_whatever_ends_their_lines(line_end):
    text = 'event: a\ndata: {"t":\ndata: "line\u2028separator"}\n\n: a comment\n\ndata: [DONE]\n\ndata: {"cut'
    stream = _sse.parse(text.replace("\n", line_end).encode())
    assert [(event.name, event.data) for event, _ in stream.events] == [
        ("a", {"t": "line\u2028separator"}),
        ("[DONE]", {}),
    ]
    assert not stream.broken


def asked(transcript, call_id, name="t", parent="p"):
    call = PendingCall(call_id, name, "{}", parent, 0, 0)
    transcript.asked(call)
    return call


def test_a_result_in_the_history_is_joined_once():
    transcript = Transcript()
    call, result = asked(transcript, "1"), ToolResult("1", "r")
    assert transcript.answered(["1", result]) == [(call, result)]
    assert transcript.answered(["1", result]) == []


def test_an_id_that_comes_again_waits_for_the_result_after_its_last_call():
    transcript = Transcript()
    asked(transcript, "1")
    old = ToolResult("1", "old")
    transcript.answered(["1", old])
    again, new = asked(transcript, "1"), ToolResult("1", "new")
    assert transcript.answered(["1", old, "1"]) == []
    assert transcript.answered(["1", old, "1", new]) == [(again, new)]


def test_a_result_without_a_call_of_this_run_is_none_of_its_calls():
    assert Transcript().answered(["1", ToolResult("1", "r")]) == []


def test_what_waits_is_given_back_with_the_agent_that_asked():
    transcript = Transcript()
    mine, other = asked(transcript, "1", parent="a"), asked(transcript, "2", parent="b")
    assert transcript.unanswered("a") == [mine]
    assert transcript.unanswered(None) == [other]
    assert transcript.unanswered(None) == []

"""When the provider fails: the host gets what it would have got, and the call is recorded as failed."""

from __future__ import annotations

import openai
import pytest

ERRORS = {
    "bad_request": (openai.BadRequestError, "400"),
    "unauthorized": (openai.AuthenticationError, "401"),
    "rate_limit": (openai.RateLimitError, "429"),
    "server_error": (openai.InternalServerError, "500"),
}


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_of_the_provider_is_the_call_s_and_reaches_the_host(error, scripted, tracer, sink):
    kind, status = ERRORS[error]
    url = scripted(f'[[reply]]\nerror = "{error}"\nerror_message = "no luck"') + "/v1"

    @tracer.trace_agent
    def agent(question):
        with openai.OpenAI(base_url=url, api_key="x", max_retries=0) as client:
            client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": question}])

    with pytest.raises(kind):
        agent("q")
    assert tracer.flush(60)
    (call,) = sink.calls
    assert (call.is_error, call["error.type"], call.status["message"]) == (True, status, "no luck")
    assert call["http.response.status_code"] == int(status)
    assert call.tokens == {}
    assert sink.run["error.type"] == f"openai.{kind.__name__}"


def test_retries_are_separate_calls(scripted, tracer, sink):
    url = scripted('[[reply]]\ntimes = 1\nerror = "rate_limit"\nretry_after_ms = 1\n[[reply]]\ntext = "ok"') + "/v1"

    @tracer.trace_agent
    def agent(question):
        with openai.OpenAI(base_url=url, api_key="x", max_retries=1) as client:
            return client.chat.completions.create(model="m", messages=[{"role": "user", "content": "q"}])

    assert agent("q").choices[0].message.content == "ok"
    assert tracer.flush(60)
    assert [(call.is_error, call.get("http.request.resend_count")) for call in sink.calls] == [(True, None), (False, 1)]
    assert sink.run["arc_eval.termination"] == "completed"


BROKEN = [
    ("malformed", False, "invalid_response"),
    ("malformed", True, "invalid_response"),
    ("cut", False, "RemoteProtocolError"),
    ("cut", True, "RemoteProtocolError"),
    ("stream_error", True, "server_error"),
]


@pytest.mark.parametrize(("error", "stream", "kind"), BROKEN)
def test_a_broken_answer_is_an_error_of_the_call(error, stream, kind, scripted, tracer, sink):
    url = scripted(f'[[reply]]\nerror = "{error}"\ntext = "one two three"') + "/v1"

    @tracer.trace_agent
    def agent(question):
        with openai.OpenAI(base_url=url, api_key="x", max_retries=0) as client:
            answer = client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "q"}], stream=stream
            )
            return list(answer) if stream else answer

    untraced = agent.__wrapped__
    outcomes = []
    for each in (untraced, agent):
        try:
            outcomes.append(repr(each("q")))
        except Exception as raised:
            outcomes.append(repr(raised))
    assert outcomes[0] == outcomes[1]
    assert tracer.flush(60)
    (call,) = sink.calls
    assert call.is_error
    assert call["error.type"].endswith(kind)


def test_a_server_that_is_not_there_is_an_error_of_the_call(tracer, sink):
    @tracer.trace_agent
    def agent(question):
        with openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="x", max_retries=0) as client:
            client.responses.create(model="m", input="q")

    with pytest.raises(openai.APIConnectionError):
        agent("q")
    assert tracer.flush(60)
    (call,) = sink.calls
    assert call["error.type"].endswith("ConnectError")
    assert call.events[0]["name"] == "exception"

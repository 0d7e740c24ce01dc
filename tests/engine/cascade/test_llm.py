"""The language model's side of the wire is a real HTTP server on a socket."""

import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.engine.cascade.answer import Memory
from bridge.engine.cascade.thought import messages_for
from bridge.engine.llm import Llm, LlmError, LlmSettings, without_reasoning
from bridge.facts.errors import EngineError
from bridge.persona.prompt import llm_prompt
from bridge.persona.schema import Allowed

KEY = "sk-secret-key"


class Endpoint(ThreadingHTTPServer):
    """Answers every request with `status` and `pieces`; keeps what it was asked."""

    daemon_threads = True

    def __init__(self, pieces=(), status=200, broken_off=False):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pieces, self.status, self.broken_off = pieces, status, broken_off
        self.requests = []

    @property
    def settings(self):
        return LlmSettings(f"http://127.0.0.1:{self.server_port}/v1", "some-model", KEY, 0.25, 0.75, 77)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.server.status)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        if self.server.status == 200:
            self.stream()
        self.close_connection = True

    def stream(self):
        self.event('{"choices":[{"delta":{"role":"assistant"}}]}')
        for piece in self.server.pieces:
            self.event(piece if piece.startswith("{") else json.dumps({"choices": [{"delta": {"content": piece}}]}))
        if not self.server.broken_off:
            self.event('{"choices":[],"usage":{"total_tokens":9}}')
            self.event("[DONE]")

    def event(self, data):
        self.wfile.write(f"data: {data}\n\n".encode())

    def log_message(self, *args):
        """A test's output is its own."""


@contextmanager
def serving(*pieces, **behaviour):
    endpoint = Endpoint(pieces, **behaviour)
    thread = threading.Thread(target=endpoint.serve_forever, args=(0.01,))
    thread.start()
    llm = Llm(endpoint.settings)
    try:
        yield endpoint, llm
    finally:
        llm.close()
        endpoint.shutdown()
        thread.join()
        endpoint.server_close()


def always():
    return True


def test_an_answer_arrives_in_pieces():
    with serving("We are ", "open. ", "Come in!") as (_, llm):
        assert list(llm.stream([{"role": "user", "content": "?"}], always)) == ["We are ", "open. ", "Come in!"]


def test_the_request_carries_what_the_settings_say():
    with serving("Yes.") as (endpoint, llm):
        list(llm.stream([{"role": "user", "content": "?"}], always))
        ((path, authorisation, body),) = endpoint.requests
    assert path == "/v1/chat/completions"
    assert authorisation == f"Bearer {KEY}"
    assert body == {
        "model": "some-model",
        "messages": [{"role": "user", "content": "?"}],
        "stream": True,
        "temperature": 0.25,
        "top_p": 0.75,
        "max_tokens": 77,
    }


def test_an_answer_nobody_wants_any_more_is_left():
    wanted = [True, True, False]
    with serving(*"abcdef") as (_, llm):
        assert list(llm.stream([], lambda: wanted.pop(0))) == ["a", "b"]


def test_an_answer_that_takes_too_long_is_cut():
    times = iter([0.0, 1.0, 29.0, 31.0])
    with serving(*"abcdef") as (endpoint, _):
        llm = Llm(endpoint.settings, clock=lambda: next(times))
        assert list(llm.stream([], always)) == ["a", "b"]
        llm.close()


@pytest.mark.parametrize(
    ("status", "problem", "words"),
    [
        (503, "loading", "still loading"),
        (429, "busy", "limits our rate"),
        (401, "failed", "LLM_API_KEY"),
        (404, "failed", "LLM_BASE_URL and MODEL_ID"),
        (500, "failed", "500"),
    ],
)
def test_a_refusal_says_what_is_wrong(status, problem, words):
    with serving(status=status) as (_, llm), pytest.raises(LlmError, match=words) as caught:
        list(llm.stream([], always))
    assert caught.value.problem == problem


def test_nobody_at_the_address_is_an_error():
    with serving() as (endpoint, _):
        settings = endpoint.settings
    with pytest.raises(LlmError, match="out of reach"):
        list(Llm(settings).stream([], always))


def test_something_other_than_chunks_is_an_error():
    with serving('{"choices": 7}') as (_, llm), pytest.raises(LlmError, match="other than chat completion chunks"):
        list(llm.stream([], always))


@pytest.mark.parametrize("address", ["", "localhost:8000", "ftp://host/v1", "http://", "http://[::1"])
def test_an_address_that_is_none_is_refused_at_start(address):
    with pytest.raises(EngineError, match="LLM_BASE_URL"):
        Llm(LlmSettings(address))


def test_the_key_is_never_printed():
    assert KEY not in repr(LlmSettings("http://host/v1", api_key=KEY))


@given(st.lists(st.text(alphabet="<>/think ab", max_size=9)), st.booleans())
def test_reasoning_aloud_is_left_out(pieces, reasons):
    answer = "".join(pieces).replace("<", "").replace(">", "")
    text = f" <think>the caller wants{answer}</think>{answer}" if reasons else answer
    cut = [text[begin : begin + 3] for begin in range(0, len(text), 3)]
    assert "".join(without_reasoning(cut)).strip() == answer.strip()


def test_an_answer_that_only_reasons_has_no_words():
    assert list(without_reasoning(["<think>", "never ends"])) == []


def test_the_prompt_holds_the_persona_and_the_conversation(persona):
    memory = Memory(history=(("user", "Hello."), ("assistant", "Hi.")))
    system, *rest = messages_for(persona, memory, "When do you open?")
    assert system == {"role": "system", "content": llm_prompt(persona)}
    assert rest == [
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "When do you open?"},
    ]
    *_, asked = messages_for(persona, replace(memory, keys="15"), "When do you open?")
    assert asked == {"role": "user", "content": "(pressed 1 5) When do you open?"}
    for part in (persona.agent_name, persona.business, persona.facts[0].answer, persona.information, persona.refusal):
        assert part in system["content"]


@pytest.fixture
def call(ring, tools):
    """Places a call that is answered by an endpoint with the given behaviour, up to the end of the greeting."""

    def place(llm, persona=None):
        phone = ring(persona, tools=replace(tools, llm=llm))
        phone.until_silent()
        return phone

    return place


def test_a_caller_hears_the_models_answer(call):
    with serving("We are open ", "until noon. See", " you then!") as (endpoint, llm):
        phone = call(llm)
        assert phone.ask("u02") == "We are open until noon. See you then!"
        assert endpoint.requests[0][2]["messages"][-1]["content"] == "What are your opening hours on Saturday?"


def test_the_model_is_reminded_of_what_was_said(call):
    with serving("Until noon.") as (endpoint, llm):
        phone = call(llm)
        phone.ask("u02")
        phone.ask("u13")
        roles = [(message["role"], message["content"]) for message in endpoint.requests[1][2]["messages"][1:]]
    assert roles[:2] == [("user", "What are your opening hours on Saturday?"), ("assistant", "Until noon.")]


def test_what_the_model_must_not_say_is_replaced_and_the_rest_dropped(call, persona):
    with serving("Of course. ", "Take two anti", "biotics a day. ", "With water.") as (_, llm):
        phone = call(llm)
        assert phone.ask("u02") == f"Of course. {persona.refusal}"
        assert [verdict.withheld for verdict in phone.verdicts] == ["Take two antibiotics a day."]


def test_a_blocked_question_never_reaches_the_model(call, persona):
    with serving("Sure.") as (endpoint, llm):
        assert call(llm).ask("u11") == persona.refusal
        assert endpoint.requests == []


def test_a_question_like_a_blocked_example_never_reaches_the_model_either(call, persona):
    with serving("Sure.") as (endpoint, llm):
        phone = call(llm)
        assert phone.ask("How many pills should I take?") == persona.refusal
        assert [verdict.phrase for verdict in phone.verdicts] == ["Which pills should I take?"]
        assert endpoint.requests == []


def test_a_goodbye_and_a_wish_for_a_person_need_no_model(call, persona):
    with serving("Sure.") as (endpoint, llm):
        phone = call(llm)
        assert phone.ask("u10") == persona.transfer_say
        assert phone.wishes == ["transfer"]
        assert endpoint.requests == []


@pytest.fixture(scope="module")
def dentists(make_persona):
    """A practice that talks of nothing but its own business."""
    allowed = Allowed(
        topics=("teeth and dental treatment", "hours, address and parking of the practice"),
        refusal="I only know about this practice.",
        action="redirect",
        question="Shall I tell you when we are open?",
    )
    return make_persona(allowed=allowed)


def test_a_model_that_leaves_the_allowed_topics_is_stopped_at_the_sentence_that_does(call, dentists):
    with serving("We open at eight. ", "The stock market ", "went up today. ", "Gold is good, too.") as (_, llm):
        phone = call(llm, dentists)
        assert phone.ask("u02") == (
            "We open at eight. I only know about this practice. Shall I tell you when we are open?"
        )
        (verdict,) = phone.verdicts
        assert (verdict.speaker, verdict.topic, verdict.action) == ("agent", "off topic", "redirect")
        assert verdict.withheld == "The stock market went up today."


def test_a_question_off_the_topics_never_reaches_the_model_and_what_it_is_redirected_to_does(call, dentists):
    with serving("Until six.") as (endpoint, llm):
        phone = call(llm, dentists)
        assert phone.ask("What is the capital of France?").startswith("I only know about this practice.")
        assert [verdict.speaker for verdict in phone.verdicts] == ["caller"]
        assert endpoint.requests == []
        assert phone.ask("Yes, please.") == "Until six."
        said = [(message["role"], message["content"]) for message in endpoint.requests[0][2]["messages"][1:]]
        assert [role for role, _ in said] == ["user", "assistant", "user"]
        assert said[1][1].endswith("Shall I tell you when we are open?")
        phone.ask("u02")
        roles = [message["role"] for message in endpoint.requests[-1][2]["messages"][1:]]
        assert roles == ["user", "assistant"] * 2 + ["user"]


@pytest.mark.parametrize(
    ("status", "line", "logged"),
    [
        (503, "I'm sorry, I'm just getting ready. Please ask me again in a moment.", "loading its model (503)"),
        (429, "I'm sorry, we're very busy just now. Please ask me again in a moment.", "limits our rate (429)"),
        (500, "I'm sorry, I'm having trouble finding an answer just now. Could you ask me that again?", "status 500"),
    ],
)
def test_a_model_that_fails_has_a_spoken_fallback_and_one_log_line(call, caplog, status, line, logged):
    with serving(status=status) as (_, llm):
        assert call(llm).ask("u02") == line
    (record,) = [record for record in caplog.records if record.name.startswith("bridge")]
    assert logged in record.message
    assert KEY not in caplog.text
    assert "Saturday" not in caplog.text


def test_an_answer_without_a_word_has_a_fallback(call):
    with serving() as (_, llm):
        assert "trouble finding an answer" in call(llm).ask("u02")


def test_a_stream_that_breaks_off_leaves_the_sentences_that_came(call):
    with serving("We are open. We close", '{"choices": 7}') as (_, llm):
        assert call(llm).ask("u02") == "We are open."


def test_an_endless_answer_is_cut_after_twelve_sentences(call):
    with serving(*["Yes. "] * 40) as (_, llm):
        assert call(llm).ask("u02").split() == ["Yes."] * 12

"""A real server on this machine that speaks the protocol answers as it was told to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chat_server import Server, serving
from coalition_qa.evaluation.judge_llm import ChatJudge
from coalition_qa.types import SettingsError


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


def test_the_first_model_is_asked_with_question_references_and_answer(server: Server) -> None:
    judge = ChatJudge(server.url + "/")
    server.said = '{"verdict": "right"}'
    assert judge("Where?", ("Rome", 'the "eternal" city'), "In Rome.") == "right"
    assert judge.model == server.request["model"] == "tiny"
    assert server.request["temperature"] == 0
    (message,) = server.request["messages"]
    assert message["role"] == "user"
    for part in ("Question: Where?", '["Rome", "the \\"eternal\\" city"]', "Answer: In Rome."):
        assert part in message["content"]


def test_a_model_can_be_named(server: Server) -> None:
    judge = ChatJudge(server.url, "large")
    server.said = '{"verdict": "wrong", "why": "Milan"}'
    assert judge("Where?", ["Rome"], "Milan") == "wrong"
    assert server.request["model"] == "large"


@pytest.mark.parametrize(
    "said",
    [
        "",
        "right",
        '{"verdict": "maybe"}',
        '{"verdict": ["right"]}',
        '["right"]',
        "{}",
        '{"verdict": "right"',
        {},
        [],
        None,
        b"x",
        b"",
        b"[" * 100_000,
    ],
)
def test_any_other_reply_is_invalid(server: Server, said: object) -> None:
    judge = ChatJudge(server.url)
    server.said = said
    assert judge("Where?", ["Rome"], "Rome") == "invalid"


def test_a_server_that_went_away_is_invalid() -> None:
    with serving() as server:
        judge = ChatJudge(server.url)
    assert judge("Where?", ["Rome"], "Rome") == "invalid"


@pytest.mark.parametrize("models", [{}, {"data": []}, [], b"<html>", b"", None])
def test_a_server_without_models_is_refused(server: Server, models: object) -> None:
    server.models = models
    with pytest.raises(
        SettingsError, match=rf"--judge {server.url}: no model is served there \(.*\); start the server"
    ):
        ChatJudge(server.url)


@pytest.mark.parametrize("url", ["", "localhost:8000", "file:///etc/passwd"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="not a URL; give one like http://"):
        ChatJudge(url)


def test_a_port_that_nobody_listens_on_is_refused() -> None:
    with serving() as server:
        url = server.url
    with pytest.raises(SettingsError, match=r"no model is served there \(.*refused"):
        ChatJudge(url, "")

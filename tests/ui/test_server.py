"""The real server: its queue has an end, users log in and see only their own, uploads are bounded, tools answer."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

import httpx
import pytest

from coalition_qa.ui.login import Login
from coalition_qa.ui.page import has_mcp

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from playwright.sync_api import Browser
    from tests.ui.conftest import FakeAssistant, Served

    from coalition_qa.config import Settings
    from coalition_qa.ui import Behind

    Serve = Callable[..., AbstractContextManager[str]]

# Gradio counts its events with what pandas 3 deprecates.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*future.no_silent_downcasting", "ignore:The copy keyword is deprecated:DeprecationWarning"
)

FIRST = "The coalition met on Monday in Rome."


def test_the_queue_has_an_end(
    fake: FakeAssistant, stand: Callable[..., Behind], settings: Settings, serve_page: Serve
) -> None:
    from gradio_client import Client

    fake.answers("Where?", FIRST)
    fake.held = Event()
    small = settings.model_copy(update={"most_waiting": 1, "answers_at_once": 1})
    with serve_page(stand(fake), small) as address, ThreadPoolExecutor(6) as pool:
        client = Client(address, verbose=False, analytics_enabled=False)

        def ask() -> str:
            try:
                return str(client.predict("Where?", api_name="/query")["status"])
            except Exception as error:  # noqa: BLE001 - Gradio's own, of several kinds
                return str(error)

        coming = [pool.submit(ask) for _ in range(6)]
        full = [one for one in coming if _soon(one) and "full" in one.result()]
        fake.held.set()
        assert full, "somebody was told at once"
        assert "answered" in [one.result() for one in coming]
        client.close()


def _soon(one: object) -> bool:
    from concurrent.futures import TimeoutError as TooLate

    try:
        one.result(timeout=2)  # type: ignore[attr-defined]
    except TooLate:
        return False
    return True


def test_users_see_only_their_own(
    fake: FakeAssistant, stand: Callable[..., Behind], settings: Settings, serve_page: Serve, browser: Browser
) -> None:
    passwords = {"ann": "right", "bob": "right too"}
    fake.answers("Ann's question?", FIRST)
    behind = stand(fake)
    with serve_page(behind, settings, Login(lambda name, word: passwords.get(name) == word)) as address:
        assert httpx.get(f"{address}/gradio_api/info").status_code == 401
        for name, password in passwords.items():
            context = browser.new_context()
            page = context.new_page()
            page.goto(address)
            page.get_by_label("Name").fill(name)
            page.get_by_label("Password").fill(password)
            page.get_by_role("button", name="Log in").click()
            page.locator("#bot .welcome").wait_for()
            page.locator("#past .past .about, #past .open").first.wait_for()
            assert page.locator("#past .open").count() == 0
            if name == "ann":
                page.locator("#ask textarea").fill("Ann's question?")
                page.keyboard.press("Enter")
                page.locator("#past .open").wait_for()
            else:
                (kept,) = behind.archive.listed("ann")
                assert page.request.get(f"{address}/export/{kept.id}.json").status == 404
            context.close()
        assert behind.archive.listed("bob") == []


def test_a_document_and_an_export_are_pages_of_their_own(served: Served) -> None:
    found = httpx.get(f"{served.address}/document", params={"name": "rome.txt", "start": 0, "end": 36})
    assert f'<mark id="here">{FIRST}</mark>' in found.text
    assert found.headers["content-security-policy"].startswith("default-src 'none'")
    for path, status in (
        ("/document?name=nowhere.txt", 404),
        ("/document", 422),
        ("/export/0000000000000001.json", 404),
        ("/export/..%2F..%2Fetc.json", 404),
        ("/export/0000000000000001.exe", 404),
    ):
        assert httpx.get(f"{served.address}{path}").status_code == status


def test_nothing_of_this_machine_is_served(served: Served) -> None:
    for path in ("/etc/passwd", __file__, "pyproject.toml"):
        assert httpx.get(f"{served.address}/gradio_api/file={path}").status_code in (403, 404)
    for path in ("/docs", "/monitoring", "/gradio_api/monitoring"):
        assert httpx.get(f"{served.address}{path}").status_code in (403, 404)


def test_an_upload_has_a_size(
    fake: FakeAssistant, stand: Callable[..., Behind], settings: Settings, serve_page: Serve
) -> None:
    small = settings.model_copy(update={"max_file_megabytes": 0.01, "max_upload_megabytes": 0.05})
    with serve_page(stand(fake), small) as address:
        for size, status in ((9_000, 200), (20_000, 413), (200_000, 413)):
            sent = httpx.post(f"{address}/gradio_api/upload", files={"files": ("a.txt", b"x" * size)})
            assert sent.status_code == status
        foreign = {"origin": "http://evil.example"}
        sent = httpx.post(f"{address}/gradio_api/upload", files={"files": ("a.txt", b"x")}, headers=foreign)
        assert sent.status_code == 403


@pytest.mark.skipif(not has_mcp(), reason="the tool's package is not here: pip install 'coalition-qa[mcp]'")
def test_a_tool_answers_in_json(served: Served) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    answer = served.assistant.answers("By tool?", FIRST)

    async def asked() -> tuple[set[str], str]:
        async with (
            streamable_http_client(f"{served.address}/gradio_api/mcp/") as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            tools = {tool.name for tool in (await session.list_tools()).tools}
            result = await session.call_tool("ask", {"question": "By tool?"})
            return tools, result.content[0].text  # type: ignore[union-attr]

    with ThreadPoolExecutor(1) as aside:
        tools, text = aside.submit(lambda: asyncio.run(asked())).result()
    assert tools == {"ask", "query"}
    assert json.loads(text) == answer.to_json()

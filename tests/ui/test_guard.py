"""What stands before the page: each thing it refuses, and the same request let through without the fault."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from threading import Event
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from coalition_qa.types import SettingsError
from coalition_qa.ui.guard import HEADERS, Doors, Guard, Limits, user_of
from coalition_qa.ui.login import COOKIE, Login, Proxy
from coalition_qa.ui.server import doors_of

if TYPE_CHECKING:
    from coalition_qa.config import Settings
    from coalition_qa.ui.guard import Receive, Scope, Send

HOST = "127.0.0.1:7860"
EVALUATION = "/evaluation/report?run=20261101-120000-own"
BASIC = {"authorization": "Basic " + base64.b64encode(b"ann:right").decode()}


class Seen:
    """An application that says who it was asked by, and how much was sent."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        cut = " cut off" if message["type"] == "http.disconnect" else ""
        user = user_of(httpx.Request("GET", "http://x", headers=scope["headers"]))
        headers = [(b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": f"{user}|{size}{cut}".encode()})


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def check(name: str, password: str) -> bool:
    return (name, password) == ("ann", "right")


def limits(**more: Any) -> Limits:  # noqa: ANN401 - any of them
    return Limits(**{"per_minute": 1000, "upload_bytes": 3_000_000, **more})


class Asked:
    """A client of a guard, which remembers cookies."""

    def __init__(self, limits: Limits, doors: Doors | None = None, client: str = "192.0.2.7") -> None:
        self._transport = httpx.ASGITransport(Guard(Seen(), limits, doors), client=(client, 1234))
        self._cookies = httpx.Cookies()

    def __call__(
        self,
        method: str = "GET",
        path: str = "/",
        headers: Mapping[str, str] | None = None,
        **more: Any,  # noqa: ANN401
    ) -> httpx.Response:
        async def sent() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self._transport, base_url=f"http://{HOST}", cookies=self._cookies
            ) as client:
                response = await client.request(method, path, headers=headers, **more)
                self._cookies = client.cookies
                return response

        return asyncio.run(sent())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:7860", "[::1]:7860", "docs.example"])
def test_the_names_of_this_machine_are_served(host: str) -> None:
    assert Asked(limits(names=frozenset({"docs.example"})))(headers={"host": host}).status_code == 200


def test_another_address_is_served_where_others_are_to_reach_it() -> None:
    assert Asked(limits(beyond=True))(headers={"host": "192.168.1.5:80"}).status_code == 200
    assert Asked(limits())(headers={"host": "192.168.1.5:80"}).status_code == 400


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "localhost.evil", ""])
def test_any_other_name_is_not(host: str) -> None:
    refused = Asked(limits(names=frozenset({"docs.example"})))(headers={"host": host})
    assert (refused.status_code, "--allow-host" in refused.text) == (400, True)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": f"http://{HOST}"}, 200),
        ({"origin": "https://docs.example"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/gradio_api/upload", "/gradio_api/queue/join", "/login"])
def test_another_site_changes_nothing(path: str, headers: dict[str, str], status: int) -> None:
    asked = Asked(limits(names=frozenset({"docs.example"})))
    assert asked("POST", path, headers).status_code == status
    assert asked("GET", path, headers).status_code == 200, "it may be looked at"


def test_every_answer_has_the_headers() -> None:
    asked = Asked(limits())
    for response in (asked(), asked("POST", headers={"origin": "http://evil.example"})):
        assert {key: response.headers[key] for key in HEADERS} == HEADERS
    assert "frame-ancestors 'none'" in HEADERS["content-security-policy"]
    assert "http:" not in HEADERS["content-security-policy"]


@pytest.mark.parametrize(("path", "size", "status"), [
    ("/gradio_api/upload", 2_900_000, 200),
    ("/gradio_api/upload", 3_100_000, 413),
    ("/gradio_api/queue/join", 1_900_000, 200),
    ("/gradio_api/queue/join", 2_100_000, 413),
])  # fmt: skip
def test_a_body_has_a_size(path: str, size: int, status: int) -> None:
    assert Asked(limits())("POST", path, content=b"x" * size).status_code == status


def test_a_body_that_says_no_size_is_cut_off() -> None:
    async def body() -> Any:  # noqa: ANN401 - an asynchronous generator
        for _ in range(40):
            yield b"x" * 100_000

    response = Asked(limits())("POST", "/gradio_api/upload", content=body())
    user, _, read = response.text.partition("|")
    assert user == ""
    assert read == "3000000 cut off"


def test_a_client_may_ask_so_often_and_again_later() -> None:
    clock = Clock()
    shared = limits(per_minute=3, clock=clock)
    one, other = Asked(shared), Asked(shared, client="192.0.2.8")
    assert [one("POST").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    assert other("POST").status_code == 200
    assert one("GET").status_code == 200
    clock.now = 20.0
    assert [one("POST").status_code for _ in range(2)] == [200, 429]


def test_a_user_is_counted_wherever_they_come_from() -> None:
    shared, login = limits(per_minute=2), Login(check)
    clients = [Asked(shared, login, client=f"192.0.2.{number}") for number in range(3)]
    assert [client("POST", headers=BASIC).status_code for client in clients] == [200, 200, 429]


def test_nobody_comes_in_without_a_password() -> None:
    asked = Asked(limits(), Login(check))
    form = asked(headers={"accept": "text/html"})
    assert form.status_code == 401
    assert '<form method="post" action="/login">' in form.text
    for method, path in (
        ("GET", "/config"),
        ("POST", "/gradio_api/upload"),
        ("GET", "/document?name=a"),
        ("GET", EVALUATION),
    ):
        assert asked(method, path).status_code == 401
    wrong = asked("POST", "/login", data={"name": "ann", "password": "<b>"})
    assert wrong.status_code == 401
    assert "not known" in wrong.text
    assert asked(headers={"cookie": f"{COOKIE}=guess"}).status_code == 401
    assert asked(headers={"x-coalition-qa-user": "616e6e"}).status_code == 401


def test_a_login_lasts_a_while_and_its_cookie_stays_home() -> None:
    clock = Clock()
    asked = Asked(limits(), Login(check, clock))
    come_in = asked("POST", "/login", data={"name": "ann", "password": "right"})
    assert (come_in.status_code, come_in.headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(come_in.headers["set-cookie"].split("; "))
    assert asked().text == "ann|0"
    clock.now = 13 * 3600.0
    assert asked().status_code == 401


def test_what_a_client_says_of_itself_is_thrown_away() -> None:
    said = {"x-coalition-qa-user": b"bob".hex()}
    assert Asked(limits())(headers=said).text == "|0"
    assert Asked(limits(), Login(check))(headers={**said, **BASIC}).text == "ann|0"


def test_a_machine_may_send_its_password_each_time() -> None:
    asked = Asked(limits(), Login(check))
    assert [asked(headers=BASIC).text for _ in range(2)] == ["ann|0", "ann|0"]
    for given in ("Basic ann:right", "Basic !", "Basic " + base64.b64encode(b"ann:wrong").decode(), "Bearer x"):
        assert asked(headers={"authorization": given}).status_code == 401


@pytest.mark.parametrize("machine", [True, False])
def test_guessing_ends_after_ten_wrong_passwords(machine: bool) -> None:
    clock = Clock()
    asked = Asked(limits(), Login(check, clock))

    def guess(password: str) -> int:
        if machine:
            given = base64.b64encode(f"ann:{password}".encode()).decode()
            return asked(headers={"authorization": f"Basic {given}"}).status_code
        return asked("POST", "/login", data={"name": "ann", "password": password}).status_code

    assert [guess(f"wrong {number}") for number in range(9)] == [401] * 9
    guess("the tenth")
    assert guess("right") == 429
    clock.now = 301.0
    assert guess("right") == (200 if machine else 303)


def test_a_proxys_word_is_taken_and_without_it_nobody_comes_in() -> None:
    asked = Asked(limits(), Proxy("X-Remote-User"))
    assert asked(headers={"x-remote-user": "J%C3%B6rg"}).text == "Jörg|0"
    for headers in ({}, {"x-remote-user": "  "}, BASIC):
        assert asked(headers=headers).status_code == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "docs.example"])
def test_another_address_needs_a_login(settings: Settings, host: str) -> None:
    open_to_all = settings.model_copy(update={"host": host})
    with pytest.raises(SettingsError, match=r"--auth FILE"):
        doors_of(open_to_all, None)
    assert isinstance(doors_of(open_to_all, check), Login)
    assert isinstance(doors_of(open_to_all.model_copy(update={"proxy_header": "X-User"}), None), Proxy)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machines_own_address_needs_none(settings: Settings, host: str) -> None:
    make: Callable[..., Doors | None] = doors_of
    assert make(settings.model_copy(update={"host": host}), None) is None


def test_many_guesses_at_once_are_no_way_round_the_lock() -> None:
    looked, wait = [], Event()

    def slow(name: str, password: str) -> bool:
        looked.append(password)
        wait.wait(10)
        return False

    login = Login(slow)

    async def guess() -> list[bool]:
        tries = [asyncio.create_task(login._right("ann", str(n), "192.0.2.7")) for n in range(50)]
        await asyncio.sleep(0.2)
        wait.set()
        return await asyncio.gather(*tries)

    assert not any(asyncio.run(guess()))
    assert len(looked) <= 10


def test_right_passwords_do_not_count_as_wrong_ones() -> None:
    login, right = Login(check), {"name": "ann", "password": "right"}
    codes = [
        Asked(limits(), login)("POST", "/login", data=right, follow_redirects=False).status_code for _ in range(15)
    ]
    assert codes == [303] * 15

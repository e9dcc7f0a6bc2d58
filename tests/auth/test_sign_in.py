from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests

from auth.errors import AuthError, Step
from auth.oauth.local_redirect import PORT_VARIABLE, LocalRedirect
from auth.oauth.method import OAuth
from auth.oauth.select import provider_of
from auth.oauth.sign_in import SignIn, begin, complete, new_state
from auth.oauth.store import TokenStore
from auth.settings import Login
from smtp.errors import Category
from tests.auth.helpers import CANARY, KeptState, login, token_of
from tests.support.token_endpoint import TokenEndpoint

LINK = re.compile(r"http\S+")


@pytest.fixture
def provider() -> Iterator[TokenEndpoint]:
    with TokenEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def state() -> KeptState:
    return KeptState()


class Person:
    """Opens the link that progress shows, and keeps what was said and shown."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.link = ""
        self.page: requests.Response | None = None

    def __call__(self, text: str) -> None:
        self.texts.append(text)
        match = LINK.search(text)
        if match:
            self.link = match[0]
            threading.Thread(target=self.open, daemon=True).start()

    def open(self) -> None:
        self.page = requests.get(self.link, timeout=5)


def listening() -> LocalRedirect:
    return LocalRedirect("7:nonce", seconds=5)


def asking(wait: float = 5) -> SignIn:
    return SignIn(cancelled=lambda: False, wait=wait)


def query_of(link: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(link).query))


def began(settings: Login, state: KeptState, seconds: float = 60) -> tuple[str, TokenStore]:
    """A sign-in that was begun: its link and the store that knows of it."""
    store = TokenStore(settings, state)
    provider = provider_of(settings)
    return begin(provider, store, "http://localhost:1/", new_state(settings), seconds), store


def answer(provider: TokenEndpoint, link: str, **changes: str) -> str:
    """What the provider sends the browser back with, changed."""
    query = dict(parse_qsl(urlsplit(provider.authorize(query_of(link))).query)) | changes
    return urlencode({name: value for name, value in query.items() if value})


def finish(settings: Login, store: TokenStore, query: str) -> str:
    return complete(settings, provider_of(settings), store, query).access_token


def test_a_person_signs_in_once_and_is_not_asked_again(provider: TokenEndpoint, state: KeptState) -> None:
    settings = login(provider, auth_url=provider.auth_url, scopes="mail")
    person = Person()
    OAuth(settings, state, asking()).get_credentials(person)
    assert person.texts[0].startswith("To sign in as ann@example.com, open this link within 5 s: http")
    assert token_of(settings, state) == provider.access_tokens[-1]
    assert [request.form["grant_type"] for request in provider.requests] == ["authorization_code"]
    state.change(refresh_at=0)
    assert token_of(settings, state) == provider.access_tokens[-1]
    assert len(provider.grants("refresh_token")) == 1


def test_the_page_that_the_browser_ends_on_says_what_to_do_and_keeps_the_code_to_itself(
    provider: TokenEndpoint, state: KeptState
) -> None:
    person = Person()
    OAuth(login(provider, auth_url=provider.auth_url), state, asking()).get_credentials(person)
    for _ in range(100):
        if person.page is not None:
            break
        time.sleep(0.02)
    assert person.page is not None
    assert person.page.status_code == 200
    assert "Close it" in person.page.text
    assert "code-" not in person.page.text
    assert person.page.headers["Referrer-Policy"] == "no-referrer"


def test_the_page_does_not_call_a_refusal_a_sign_in() -> None:
    with LocalRedirect("7:state", 5) as redirect:
        page = requests.get(f"{redirect.uri}?state=7:state&error=access_denied", timeout=5)
        assert redirect.wait(lambda: False) == "state=7:state&error=access_denied"
    assert page.status_code == 200
    assert "did not work" in page.text


@pytest.mark.parametrize(
    "said",
    [b"GET /?co", b"GET http://[x HTTP/1.1\r\n\r\n", b"GET //[?a=1 HTTP/1.1\r\n\r\n", b"\xff\xfe\r\n\r\n"],
)
def test_what_no_browser_says_and_one_that_goes_away_leave_nothing_on_the_terminal(
    said: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with LocalRedirect("7:state", 5) as redirect:
        address = ("127.0.0.1", urlsplit(redirect.uri).port)
        for is_patient in (True, False):
            with socket.create_connection(address, 5) as client:
                client.sendall(said)
                if is_patient:
                    client.shutdown(socket.SHUT_WR)
                    client.recv(1024)
                # Without a word: what is still to be read or written fails.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        page = requests.get(f"{redirect.uri}?state=7:state&code=x", timeout=5)
        assert redirect.wait(lambda: False) == "state=7:state&code=x"
    assert page.status_code == 200
    assert capfd.readouterr().err == ""


def test_the_link_carries_pkce_a_state_that_names_the_asset_and_nothing_secret(
    provider: TokenEndpoint, state: KeptState
) -> None:
    settings = login(provider, auth_url=provider.auth_url, client_secret=CANARY, scopes="mail send")
    link, _ = began(settings, state)
    query = query_of(link)
    assert query["response_type"] == "code"
    assert query["code_challenge_method"] == "S256"
    assert len(query["code_challenge"]) == 43
    assert query["state"].startswith("7:")
    assert len(query["state"]) > 40
    assert (query["scope"], query["redirect_uri"]) == ("mail send", "http://localhost:1/")
    assert CANARY not in link
    assert state.load()["oauth"]["sign_in"]["secrets"]["code_verifier"] not in link


def test_two_sign_ins_share_neither_state_nor_challenge(provider: TokenEndpoint, state: KeptState) -> None:
    settings = login(provider, auth_url=provider.auth_url)
    first, second = (query_of(began(settings, state)[0]) for _ in range(2))
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]


def test_google_is_asked_for_a_refresh_token_in_its_own_way(state: KeptState) -> None:
    settings = login(
        client_id="app",
        auth_url="https://accounts.google.com/o/oauth2/v2/auth",
        token_url="https://oauth2.googleapis.com/token",
    )
    query = query_of(began(settings, state)[0])
    assert (query["access_type"], query["prompt"]) == ("offline", "consent")
    assert query["login_hint"] == "ann@example.com"
    assert query["scope"] == "https://mail.google.com/"


def test_the_query_of_auth_url_is_kept(provider: TokenEndpoint, state: KeptState) -> None:
    link, _ = began(login(provider, auth_url=provider.auth_url + "?tenant=a%20b"), state)
    assert query_of(link)["tenant"] == "a b"


def test_the_two_halves_need_nothing_but_the_store_between_them(
    provider: TokenEndpoint, state: KeptState
) -> None:
    settings = login(provider, auth_url=provider.auth_url)
    link, _ = began(settings, state)
    elsewhere = TokenStore(settings, state)
    assert finish(settings, elsewhere, answer(provider, link)) == provider.access_tokens[-1]
    assert token_of(settings, state) == provider.access_tokens[-1]


def test_an_answer_can_be_used_once(provider: TokenEndpoint, state: KeptState) -> None:
    settings = login(provider, auth_url=provider.auth_url)
    link, store = began(settings, state)
    query = answer(provider, link)
    finish(settings, store, query)
    with pytest.raises(AuthError, match="was used already"):
        finish(settings, store, query)


def test_an_answer_is_used_up_even_when_nothing_came_of_it(provider: TokenEndpoint, state: KeptState) -> None:
    settings = login(provider, auth_url=provider.auth_url)
    link, store = began(settings, state)
    query = answer(provider, link, code="guessed")
    with pytest.raises(AuthError, match="invalid_grant"):
        finish(settings, store, query)
    with pytest.raises(AuthError, match="was used already"):
        finish(settings, store, answer(provider, link))


def test_an_answer_comes_too_late(provider: TokenEndpoint, state: KeptState) -> None:
    settings = login(provider, auth_url=provider.auth_url)
    link, store = began(settings, state, seconds=-1)
    with pytest.raises(AuthError, match="took too long"):
        finish(settings, store, answer(provider, link))
    assert provider.requests == []


@pytest.mark.parametrize("guess", ["", "7:", "7:guessed", "8:guessed", "\udcff", "é"])
def test_a_guessed_state_is_not_ours(guess: str, provider: TokenEndpoint, state: KeptState) -> None:
    settings = login(provider, auth_url=provider.auth_url)
    _, store = began(settings, state)
    query = "code=x&state=" + guess
    with pytest.raises(AuthError) as caught:
        finish(settings, store, query)
    assert caught.value.step is Step.SIGN_IN
    assert provider.requests == []


def test_the_state_of_another_asset_is_not_ours(provider: TokenEndpoint, state: KeptState) -> None:
    settings = login(provider, auth_url=provider.auth_url)
    other_link, _ = began(settings._replace(id="8"), KeptState())
    _, store = began(settings, state)
    with pytest.raises(AuthError):
        finish(settings, store, answer(provider, other_link))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda query: query + "&state=" + dict(parse_qsl(query))["state"],
        lambda query: query + "&code=another",
        lambda query: query + "&x=1" * 40,
    ],
)
def test_a_query_with_a_field_twice_or_too_many_is_not_ours(
    spoil: Any, provider: TokenEndpoint, state: KeptState
) -> None:
    settings = login(provider, auth_url=provider.auth_url)
    link, store = began(settings, state)
    with pytest.raises(AuthError, match="was not begun here"):
        finish(settings, store, spoil(answer(provider, link)))
    assert provider.requests == []


def test_an_answer_of_another_provider_is_refused(provider: TokenEndpoint, state: KeptState) -> None:
    settings = login(provider, auth_url=provider.auth_url)
    link, store = began(settings, state)
    with pytest.raises(AuthError) as caught:
        finish(settings, store, answer(provider, link, iss="https://evil.example"))
    assert caught.value.category is Category.SECURITY
    assert "https://evil.example" in str(caught.value)
    assert provider.requests == []


def test_an_answer_that_does_not_say_who_gave_it_is_taken(provider: TokenEndpoint, state: KeptState) -> None:
    provider.behaviour.iss = ""
    settings = login(provider, auth_url=provider.auth_url)
    link, store = began(settings, state)
    assert finish(settings, store, answer(provider, link)) == provider.access_tokens[-1]


def test_a_refusal_by_the_person_is_readable(provider: TokenEndpoint, state: KeptState) -> None:
    settings = login(provider, auth_url=provider.auth_url)
    link, store = began(settings, state)
    refused = answer(
        provider, link, code="", error="access_denied", error_description="No\x1b[2J\u202e thanks."
    )
    with pytest.raises(AuthError) as caught:
        finish(settings, store, refused)
    assert str(caught.value) == "The provider refused the sign-in: access_denied (No [2J thanks)."
    assert caught.value.oauth_error == "access_denied"


def test_an_answer_without_a_code_is_no_sign_in(provider: TokenEndpoint, state: KeptState) -> None:
    settings = login(provider, auth_url=provider.auth_url)
    link, store = began(settings, state)
    with pytest.raises(AuthError, match="without a code"):
        finish(settings, store, answer(provider, link, code=""))


def test_nobody_comes(provider: TokenEndpoint, state: KeptState) -> None:
    method = OAuth(login(provider, auth_url=provider.auth_url), state, asking(wait=0.2))
    with pytest.raises(AuthError) as caught:
        method.get_credentials(lambda _: None)
    assert str(caught.value) == "Nobody signed in within 0.2 s."
    assert state.load()["oauth"]["sign_in"] is None


def test_waiting_ends_when_the_run_is_cancelled(provider: TokenEndpoint, state: KeptState) -> None:
    began_at = time.monotonic()
    asks = SignIn(cancelled=lambda: time.monotonic() > began_at + 0.2, wait=30)
    with pytest.raises(AuthError) as caught:
        OAuth(login(provider, auth_url=provider.auth_url), state, asks).get_credentials(lambda _: None)
    assert caught.value.category is Category.CANCELLED
    assert time.monotonic() - began_at < 5


def test_strangers_at_the_redirect_neither_end_the_wait_nor_get_in(
    provider: TokenEndpoint, state: KeptState
) -> None:
    settings = login(provider, auth_url=provider.auth_url)
    statuses = []

    class Disturbed(Person):
        def open(self) -> None:
            home = parse_qs(urlsplit(self.link).query)["redirect_uri"][0]
            for path in ("favicon.ico", "?state=x&code=y", "?error=access_denied", ""):
                statuses.append(requests.get(home + path, timeout=5).status_code)
            super().open()

    person = Disturbed()
    OAuth(settings, state, asking()).get_credentials(person)
    assert statuses == [404, 400, 400, 400]
    assert token_of(settings, state) == provider.access_tokens[-1]


def test_a_provider_that_gives_no_refresh_token_is_told_about(
    provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.refresh_tokens = False
    settings = login(provider, auth_url=provider.auth_url)
    person = Person()
    OAuth(settings, state, asking()).get_credentials(person)
    assert "offline_access" in person.texts[-1]
    state.change(refresh_at=0)
    assert token_of(settings, state) == provider.access_tokens[-1], "it holds for a while yet"
    state.change(expires_at=0)
    with pytest.raises(AuthError, match="Nobody has signed in yet"):
        token_of(settings, state)


def test_a_dead_refresh_token_leads_to_a_sign_in_where_there_is_somebody(
    provider: TokenEndpoint, state: KeptState
) -> None:
    settings = login(provider, auth_url=provider.auth_url, refresh_token="long-dead")
    person = Person()
    OAuth(settings, state, asking()).get_credentials(person)
    assert any(text.endswith("Signing in again.") for text in person.texts)
    assert token_of(settings, state) == provider.access_tokens[-1]


def test_a_refused_token_that_can_not_be_refreshed_leads_to_a_sign_in(
    provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.refresh_tokens = False
    method = OAuth(login(provider, auth_url=provider.auth_url), state, asking())
    method.get_credentials(Person())
    assert method.renew(Person()) is True
    assert len(provider.grants("authorization_code")) == 2


def test_a_port_of_the_redirect_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as free:
        port = urlsplit(free.uri).port
    monkeypatch.setenv(PORT_VARIABLE, str(port))
    with listening() as redirect:
        assert redirect.uri == f"http://localhost:{port}/"
        with pytest.raises(AuthError, match="can't be listened on"), listening():
            pass


@pytest.mark.parametrize("port", ["x", "-1", "65536", "٣"])
def test_a_port_of_the_redirect_that_is_none_is_named(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PORT_VARIABLE, port)
    with pytest.raises(AuthError, match=PORT_VARIABLE):
        listening()


def test_whatever_receives_the_redirect_may_be_something_else(
    provider: TokenEndpoint, state: KeptState
) -> None:
    class Handed:
        uri = "https://soar.example/rest/handler/app/asset"
        link = ""

        def wait(self, cancelled: Any) -> str | None:
            return answer(provider, self.link)

    handed = Handed()
    given: list[tuple[str, float]] = []

    def made(state: str, seconds: float) -> AbstractContextManager[Handed]:
        given.append((state, seconds))
        return nullcontext(handed)

    def progress(text: str) -> None:
        match = LINK.search(text)
        if match:
            handed.link = match[0]

    settings = login(provider, auth_url=provider.auth_url)
    asks = SignIn(cancelled=lambda: False, redirect=made, wait=30)
    OAuth(settings, state, asks).get_credentials(progress)
    assert given == [(query_of(handed.link)["state"], 30)]
    assert provider.requests[-1].form["redirect_uri"] == handed.uri

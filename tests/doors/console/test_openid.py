"""Signing in at a provider of OpenID Connect: what it says is believed only when it is the provider's, for us, now."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.testclient import TestClient

from delivery.pool import Pool
from doors.console.app import make_app
from doors.console.console import Console
from doors.console.openid import OpenIdSettings
from host.local.people.database import PeopleDatabase
from host.local.people.roles import Role
from host.local.people.users import Users
from tests.doors.console.conftest import ADDRESS, BASE, PASSWORD, Desk

CLIENT = "console"
JANE = "jane@example.com"
KEY, FOREIGN_KEY = RSAKey.generate_key(2048), RSAKey.generate_key(2048)


@dataclass
class Provider:
    """One that can be told to say something wrong."""

    issuer: str = ""
    nonce: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: KEY)
    forms: list[dict[str, list[str]]] = field(default_factory=list)

    def answer(self, path: str, body: str) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            places = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
            return {"issuer": self.issuer, **{name: f"{self.issuer}/{name}" for name in places}}
        if path == "/jwks_uri":
            return {"keys": [KEY.as_dict(private=False)]}
        if path == "/userinfo_endpoint":
            return self.more
        self.forms.append(parse_qs(body))
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "1",
            "nonce": self.nonce,
            "iat": now,
            "exp": now + 60,
        }
        claims |= self.claims
        told = {name: value for name, value in claims.items() if value is not None}
        return {"access_token": "secret", "id_token": jwt.encode({"alg": "RS256"}, told, self.key)}


@pytest.fixture
def provider() -> Iterator[Provider]:
    told = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            octets = json.dumps(told.answer(self.path, body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.issuer = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield told
    server.shutdown()
    server.server_close()


@pytest.fixture
def console(desk: Desk, provider: Provider) -> Console:
    openid = OpenIdSettings(provider.issuer, CLIENT, "s:cret")
    console = Console(desk.console.manifest, desk.console.home, Pool(), ADDRESS, None, openid)
    console.users.add(JANE, "", Role.VIEWER)
    return console


@pytest.fixture
def browser(console: Console) -> Iterator[TestClient]:
    with TestClient(make_app(console), base_url=BASE, follow_redirects=False) as client:
        yield client


def sign_in(browser: TestClient, provider: Provider, **query: str) -> Any:
    """Go to the provider and come back; the console's answer."""
    link = browser.get("/sign-in/openid?to=/vault").headers["location"]
    asked = {name: value[0] for name, value in parse_qs(urlsplit(link).query).items()}
    provider.nonce = asked["nonce"]
    return browser.get("/sign-in/openid/callback", params={"code": "c0de", "state": asked["state"], **query})


def is_in(browser: TestClient) -> bool:
    return browser.get("/vault").status_code == 200


@pytest.mark.parametrize(
    ("claims", "more"),
    [
        ({"email": JANE}, {}),
        ({"email": JANE.upper(), "email_verified": True}, {}),
        ({"preferred_username": JANE}, {}),
        ({}, {"sub": "1", "email": JANE}),
        ({"email": "other@example.com", "email_verified": False, "preferred_username": JANE}, {}),
    ],
)
def test_whom_the_provider_knows_by_a_users_name_comes_in(
    browser: TestClient, provider: Provider, claims: dict[str, Any], more: dict[str, Any]
) -> None:
    provider.claims, provider.more = claims, more
    answer = sign_in(browser, provider)
    assert (answer.status_code, answer.headers["referrer-policy"]) == (200, "no-referrer")
    assert 'url=/vault"' in answer.text
    assert is_in(browser)
    (form,) = provider.forms
    assert form["redirect_uri"] == [f"{BASE}/sign-in/openid/callback"]
    assert form["code_verifier"]


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": [CLIENT, "another"]},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"at_hash": "another"},
    ],
)
def test_what_is_not_for_us_or_not_of_now_is_not_believed(
    browser: TestClient, provider: Provider, claims: dict[str, Any]
) -> None:
    provider.claims = {"email": JANE, **claims}
    answer = sign_in(browser, provider)
    assert answer.status_code == 403
    assert "can&#39;t be believed" in answer.text
    assert not is_in(browser)


def test_what_another_key_has_signed_is_not_believed(browser: TestClient, provider: Provider) -> None:
    provider.claims, provider.key = {"email": JANE}, FOREIGN_KEY
    assert sign_in(browser, provider).status_code == 403
    assert not is_in(browser)


@pytest.mark.parametrize(
    ("claims", "more"),
    [
        ({"email": "john@example.com"}, {}),
        ({"email": JANE, "email_verified": False}, {}),
        ({}, {"sub": "2", "email": JANE}),
        ({}, {}),
    ],
)
def test_whom_nobody_here_knows_does_not_come_in(
    browser: TestClient, provider: Provider, claims: dict[str, Any], more: dict[str, Any]
) -> None:
    provider.claims, provider.more = claims, more
    answer = sign_in(browser, provider)
    assert answer.status_code == 403
    assert "is no user of this console" in answer.text
    assert not is_in(browser)


@pytest.mark.parametrize(
    "query",
    [{"state": "guessed"}, {"iss": "https://evil.example"}, {"code": ""}, {"error": "access_denied"}],
)
def test_an_answer_to_something_else_signs_in_nobody(
    browser: TestClient, provider: Provider, query: dict[str, str]
) -> None:
    provider.claims = {"email": JANE}
    assert sign_in(browser, provider, **query).status_code == 403
    assert not is_in(browser)
    assert provider.forms == []


def test_an_answer_that_another_browser_brings_signs_in_nobody(
    console: Console, browser: TestClient, provider: Provider
) -> None:
    provider.claims = {"email": JANE}
    with TestClient(make_app(console), base_url=BASE, follow_redirects=False) as stranger:
        link = browser.get("/sign-in/openid").headers["location"]
        state = parse_qs(urlsplit(link).query)["state"][0]
        answer = stranger.get("/sign-in/openid/callback", params={"code": "c0de", "state": state})
        assert "not begun in this browser" in answer.text
        assert not is_in(stranger)


def test_an_answer_works_once(browser: TestClient, provider: Provider) -> None:
    provider.claims = {"email": JANE}
    browser.get("/sign-in/openid")
    held = dict(browser.cookies)
    assert sign_in(browser, provider).status_code == 200
    browser.cookies.update(held)
    answer = browser.get("/sign-in/openid/callback", params={"code": "c0de", "state": "x"})
    assert answer.status_code == 403


def test_a_user_stays_the_one_who_came_first(
    console: Console, browser: TestClient, provider: Provider
) -> None:
    provider.claims = {"email": JANE}
    assert sign_in(browser, provider).status_code == 200
    provider.claims = {"email": "jane.doe@example.com"}
    assert sign_in(browser, provider).status_code == 200, "whatever the provider calls her now"
    provider.claims = {"sub": "2", "email": JANE}
    assert sign_in(browser, provider).status_code == 403, "another one who is called so now"


def test_who_has_a_password_is_nobody_of_a_providers(
    console: Console, browser: TestClient, provider: Provider
) -> None:
    console.users.add("john@example.com", PASSWORD, Role.ADMINISTRATOR)
    provider.claims = {"email": "john@example.com"}
    assert sign_in(browser, provider).status_code == 403


def test_a_provider_that_is_down_is_said_on_the_form(desk: Desk) -> None:
    openid = OpenIdSettings("http://127.0.0.1:9", CLIENT)
    console = Console(desk.console.manifest, desk.console.home, Pool(), ADDRESS, None, openid)
    with TestClient(make_app(console), base_url=BASE) as browser:
        answer = browser.get("/sign-in/openid")
    assert answer.status_code == 502
    assert "The sign-in at 127.0.0.1 did not work." in answer.text
    assert "Sign in at 127.0.0.1" in answer.text


def test_a_file_of_the_version_before_is_taken_along(desk: Desk) -> None:
    users = desk.console.users
    jane = users.add(JANE, "", Role.VIEWER)
    database = PeopleDatabase(desk.console.home.folder)
    with database.writing() as connection:
        connection.execute("DROP TABLE identity")
        connection.execute("PRAGMA user_version = 1")
    person = Users(database).of_identity("https://id.example.com", "1", JANE)
    assert person is not None
    assert person.user_id == jane.id

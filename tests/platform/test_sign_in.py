"""A person signs in on the platform: test connectivity waits in one process, the browser comes back to another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests

from tests.platform.installation import Platform, Process
from tests.support.scripted.server import ScriptedServer
from tests.support.scripted.settings import Settings
from tests.support.token_endpoint import Behaviour, TokenEndpoint

ANN = "ann@example.com"
SECRET = "canary-client-secret"
_LINK = re.compile(r"http://localhost:\d+/authorize\?\S+")


class Tokens(Mapping[str, str]):
    """Whom the mail server lets in: Ann, with any token that the provider gave."""

    def __init__(self, provider: TokenEndpoint) -> None:
        self._provider = provider

    def __getitem__(self, name: str) -> str:
        return {ANN: self._provider.access_tokens[-1]}[name]

    def __iter__(self) -> Iterator[str]:
        return iter((ANN,))

    def __len__(self) -> int:
        return 1


@pytest.fixture
def provider() -> Iterator[TokenEndpoint]:
    with TokenEndpoint(Behaviour(client_secret=SECRET)) as provider:
        yield provider


@pytest.fixture
def server(provider: TokenEndpoint) -> Iterator[ScriptedServer]:
    with ScriptedServer(Settings(auth=("XOAUTH2",), logins=Tokens(provider), lifetime=60)) as server:
        yield server


@pytest.fixture
def config(provider: TokenEndpoint, server: ScriptedServer) -> dict[str, Any]:
    return {
        "server": server.host,
        "port": server.port,
        "ssl_config": "None",
        "username": ANN,
        "client_id": "app",
        "client_secret": SECRET,
        "auth_url": provider.auth_url,
        "token_url": provider.token_url,
        "scopes": "mail",
    }


@pytest.fixture
def asset_id(platform: Platform) -> str:
    return platform.add_asset("our mail")


def begun(platform: Platform, config: dict[str, Any], asset_id: str) -> tuple[Process, str]:
    """Test connectivity up to the moment at which it waits, and the link that it shows."""
    process = platform.start("test_connectivity", config, asset_id=asset_id)
    found = _LINK.search(process.wait_for("open this link"))
    assert found is not None
    return process, found[0]


def opened(link: str) -> requests.Response:
    """Where the browser ends, the person having agreed."""
    return requests.get(link, timeout=10)


def test_a_person_signs_in_and_mail_goes_out_from_then_on(
    platform: Platform,
    config: dict[str, Any],
    asset_id: str,
    server: ScriptedServer,
    provider: TokenEndpoint,
) -> None:
    process, link = begun(platform, config, asset_id)
    assert (platform.app / f"{asset_id}_state.json").stat().st_mode & 0o777 == 0o600
    page = opened(link)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/plain")
    assert page.text.startswith("You are signed in")
    directory = f"/rest/handler/{platform.app.name}/{quote('our mail')}"
    assert urlsplit(page.url).path == directory
    run = process.finish()
    assert run.result["status"] == "success", run.told
    assert any(text.endswith(directory) for text in run.progress)

    sent = platform.run("send_email", config, {"to": "bob@example.com", "body": "x"}, asset_id=asset_id)
    assert sent.data["auth_method"] == "OAuth", sent.told
    assert len(server.log.accepted) == 2
    assert [request.form["grant_type"] for request in provider.requests] == ["authorization_code"]


def test_what_lies_there_is_encrypted_and_the_hand_over_leaves_nothing(
    platform: Platform, config: dict[str, Any], asset_id: str, provider: TokenEndpoint
) -> None:
    process, link = begun(platform, config, asset_id)
    opened(link)
    run = process.finish()
    assert not list(platform.app.glob("*_state.json"))
    (state,) = platform.states.iterdir()
    token = provider.access_tokens[-1]
    stored = state.read_text()
    code = provider.requests[0].form["code"]
    for secret in (token, SECRET, code, provider.requests[0].form["code_verifier"]):
        assert secret not in stored
        assert secret not in json.dumps([run.result, run.told])
        assert secret not in platform.web_log


def test_the_web_servers_process_loads_nothing_of_the_app_but_the_handler(
    platform: Platform, config: dict[str, Any], asset_id: str
) -> None:
    process, link = begun(platform, config, asset_id)
    opened(link)
    process.finish()
    assert requests.get(f"{platform.base_url}loaded", timeout=5).json() == {
        "modules": ["smtp_redirect_handler"]
    }


def test_strangers_neither_end_the_wait_nor_get_in(
    platform: Platform, config: dict[str, Any], asset_id: str
) -> None:
    process, link = begun(platform, config, asset_id)
    redirect_uri = parse_qs(urlsplit(link).query)["redirect_uri"][0]
    for query in (
        "",
        "?code=stolen",
        f"?state={asset_id}:guessed&code=stolen",
        f"?state={asset_id}:guessed&error=access_denied&error_description=<b>phish</b>",
        "?state=../../x:y&code=z",
        "?state=4:y&code=z",
    ):
        page = requests.get(f"{redirect_uri}{query}", timeout=5)
        assert (page.status_code, page.headers["Content-Type"]) == (400, "text/plain")
        assert "phish" not in page.text
    assert opened(link).status_code == 200
    assert process.finish().result["status"] == "success"


def test_a_refusal_of_the_provider_reaches_the_result(
    platform: Platform, config: dict[str, Any], asset_id: str
) -> None:
    process, link = begun(platform, config, asset_id)
    fields = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    answer = {"state": fields["state"], "error": "access_denied", "error_description": "Ann said {no}"}
    page = requests.get(fields["redirect_uri"], params=answer, timeout=5)
    assert page.status_code == 401
    run = process.finish()
    assert run.result["status"] == "failed"
    assert "access_denied (Ann said {no})" in run.result["result_data"][0]["message"]


def test_a_run_that_is_cancelled_waits_no_longer(
    platform: Platform, config: dict[str, Any], asset_id: str
) -> None:
    process, link = begun(platform, config, asset_id)
    process.cancel()
    run = process.finish()
    assert run.result["status"] == "failed"
    assert "cancelled" in run.result["result_data"][0]["message"]
    assert opened(link).status_code == 400


def test_a_send_before_the_sign_in_says_how_to_sign_in(
    platform: Platform, config: dict[str, Any], asset_id: str
) -> None:
    run = platform.run("send_email", config, {"to": "bob@example.com", "body": "x"}, asset_id=asset_id)
    assert run.result["status"] == "failed"
    assert "Run test connectivity to sign in" in run.result["result_data"][0]["message"]


def test_an_asset_that_the_platform_does_not_know_is_said(platform: Platform, config: dict[str, Any]) -> None:
    run = platform.run("test_connectivity", config, asset_id="99")
    assert run.result["status"] == "failed"
    assert "/rest/asset/99 (HTTP 404)" in run.result["result_data"][0]["message"]

"""Signing in with a code, as a person meets it: by test connectivity, and by nothing else."""

from __future__ import annotations

from typing import Any

from tests.support.running import Runner, asset
from tests.support.scripted import ScriptedServer, Settings
from tests.support.token_endpoint import TokenEndpoint

TOKEN = "canary-access-token-of-a-person"
MAIL = {"to": "bob@example.com", "subject": "x", "body": "x"}


def fields(server: ScriptedServer, provider: TokenEndpoint) -> dict[str, Any]:
    return asset(
        server,
        auth_type="Automatic",
        username="ann@example.com",
        client_id="app",
        client_secret=None,
        refresh_token=None,
        token_url=provider.token_url,
        device_code=True,
        device_url=provider.device_url,
        allow_plaintext_auth=True,
    )


def test_test_connectivity_shows_the_code_and_mails_are_sent_from_then_on(run: Runner) -> None:
    settings = Settings(auth=("XOAUTH2",), logins={"ann@example.com": TOKEN})
    with ScriptedServer(settings) as server, TokenEndpoint() as provider:
        provider.behaviour.access_token = TOKEN
        provider.behaviour.before_approval = ["authorization_pending"]
        config = fields(server, provider)
        tested = run("test_connectivity", config, asset_id="9")
        assert tested.succeeded, tested.message
        shown = f"open {provider.url}/activate on any device within 15 min and enter the code WDJB-MJHT"
        assert [text for text in tested.progress if shown in text]
        assert (tested.data["auth_method"], tested.data["auth_mechanism"]) == ("OAuth", "XOAUTH2")
        asked = len(provider.requests)
        assert run("send_email", config, MAIL, asset_id="9").succeeded
        assert len(provider.requests) == asked, "the token is kept"


def test_sending_asks_nobody_and_says_how_to_sign_in(run: Runner) -> None:
    settings = Settings(auth=("XOAUTH2",), logins={"ann@example.com": TOKEN})
    with ScriptedServer(settings) as server, TokenEndpoint() as provider:
        done = run("send_email", fields(server, provider), MAIL, asset_id="9")
        assert not done.succeeded
        assert "Run test connectivity to sign in." in done.message
        assert provider.requests == []

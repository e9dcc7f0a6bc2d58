"""Runs of different assets one after the other: none goes over a connection, or with a login, of another."""

from __future__ import annotations

import pytest

from tests.support.authority import authority
from tests.support.running import SECRETS, Fields, Runner, asset
from tests.support.scripted import ScriptedServer, Settings

MAIL = {"to": "a@example.com", "body": "x"}
LOGINS = {"me@example.com": SECRETS["password"], "you@example.com": "canary-another-one"}
MINE: Fields = {
    "auth_type": "Basic",
    "username": "me@example.com",
    "ssl_config": "StartTLS",
    "server": "localhost",
    "ca_bundle": authority().pem,
}


@pytest.mark.parametrize(
    "other",
    [
        {"username": "you@example.com", "password": LOGINS["you@example.com"]},
        {"server": "127.0.0.1"},
        {"verify_server_cert": False},
        {"ca_bundle": authority().pem + "\n"},
        {"auth_type": "Passwordless"},
        {"password": "wrong"},
        {"ehlo_name": "other.example.com"},
    ],
)
def test_each_asset_has_a_connection_of_its_own(run: Runner, other: Fields) -> None:
    settings = Settings(tls="starttls", auth=("PLAIN",), logins=LOGINS)
    with ScriptedServer(settings) as server:
        run("send_email", asset(server, **MINE), MAIL)
        run("send_email", asset(server, **{**MINE, **other}), MAIL)
        run("send_email", asset(server, **MINE), MAIL)
    users = [message.username for message in server.log.accepted]
    changed = {**MINE, **other}
    is_refused = changed["auth_type"] == "Passwordless" or changed.get("password") == "wrong"
    assert users == ["me@example.com", *([] if is_refused else [changed["username"]]), "me@example.com"]
    assert [message.connection for message in server.log.accepted] == ([1, 3] if is_refused else [1, 2, 3])


def test_a_mail_never_goes_to_a_server_that_the_first_one_names(run: Runner) -> None:
    """A 551 or 251 that names another host is a reply like any other (RFC 5321 section 3.4)."""
    with ScriptedServer() as other:
        refused = {"a@example.com": f"551 User not local; please try <a@127.0.0.1:{other.port}>"}
        with ScriptedServer(Settings(refused=refused)) as server:
            result = run("send_email", asset(server), MAIL)
    assert not result.succeeded
    assert other.log.connections == 0

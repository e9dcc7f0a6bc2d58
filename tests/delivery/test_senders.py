"""An application logs in as each mail's sender."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.auth.keys import account, own
from tests.support.running import Fields, Runner, asset
from tests.support.scripted import ScriptedServer, Settings
from tests.support.token_endpoint import TokenEndpoint

TOKEN = "an-application-s-token"
ANN, BOB, CAT = "ann@example.com", "bob@example.com", "cat@example.com"


@pytest.fixture
def provider() -> Iterator[TokenEndpoint]:
    with TokenEndpoint() as endpoint:
        endpoint.behaviour.access_token = TOKEN
        endpoint.behaviour.account_key = own().public
        yield endpoint


def application(server: ScriptedServer, provider: TokenEndpoint, **fields: object) -> Fields:
    """A service account that may send as everybody, on a connection to this machine."""
    values = asset(server, auth_type="OAuth", username=ANN, login_as="sender", allow_plaintext_auth=True)
    values |= dict.fromkeys(("password", "client_secret", "refresh_token"))
    return values | {"service_account_json": account(provider.token_url)} | fields


def mails(*senders: str) -> list[Fields]:
    return [{"from": sender, "to": "dave@example.com", "subject": "hi", "body": "x"} for sender in senders]


def settings(*users: str) -> Settings:
    return Settings(auth=("XOAUTH2",), logins=dict.fromkeys(users, TOKEN))


def test_each_mail_is_sent_over_a_session_of_its_sender(run: Runner, provider: TokenEndpoint) -> None:
    with ScriptedServer(settings(ANN, BOB)) as server:
        done = run("send_email", application(server, provider), *mails(ANN, BOB, ANN, BOB))
    assert [result["message"] for result in done.results] == ["Email sent"] * 4
    assert [mail.username for mail in server.log.accepted] == [ANN, BOB, ANN, BOB]
    assert server.log.connections == 2, "the senders' sessions are kept"
    assert {request.claims["sub"] for request in provider.requests} == {ANN, BOB}


def test_no_more_sessions_are_open_than_the_asset_allows(run: Runner, provider: TokenEndpoint) -> None:
    with ScriptedServer(settings(ANN, BOB, CAT)) as server:
        fields = application(server, provider, max_connections=1)
        done = run("send_email", fields, *mails(ANN, BOB, ANN))
    assert [result["message"] for result in done.results] == ["Email sent"] * 3
    assert server.log.connections == 3


def test_a_sender_that_may_not_log_in_stops_nobody_else(run: Runner, provider: TokenEndpoint) -> None:
    with ScriptedServer(settings(ANN, CAT)) as server:
        done = run("send_email", application(server, provider), *mails(ANN, BOB, CAT))
    assert [result["status"] for result in done.results] == ["success", "failed", "success"]
    assert done.results[1]["data"][0]["failure"]["step"] == "AUTH"
    assert [mail.username for mail in server.log.accepted] == [ANN, CAT]


def test_a_set_that_can_not_be_prepared_keeps_its_place(run: Runner, provider: TokenEndpoint) -> None:
    with ScriptedServer(settings(ANN, BOB)) as server:
        first, second = mails(ANN, BOB)
        done = run("send_email", application(server, provider), first, {**first, "to": "no address"}, second)
    assert [result["status"] for result in done.results] == ["success", "failed", "success"]


def test_connectivity_is_tested_as_the_sender_of_its_mail(run: Runner, provider: TokenEndpoint) -> None:
    with ScriptedServer(settings(ANN, BOB)) as server:
        done = run("test_connectivity", application(server, provider, sender_address=BOB))
    assert done.succeeded, done.message
    assert [mail.username for mail in server.log.accepted] == [BOB]


def test_an_account_of_one_person_can_not_log_in_as_others(run: Runner) -> None:
    with ScriptedServer(settings(ANN)) as server:
        fields = asset(server, auth_type="Basic", username=ANN, login_as="sender")
        done = run("send_email", fields, *mails(BOB))
    assert "only an application can log in as somebody else" in str(done.document)
    assert server.log.accepted == []

"""test connectivity: each step in the open, the first that fails ends it with a remedy."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.authority import authority
from tests.support.catcher import Catcher
from tests.support.mail import sound
from tests.support.running import SECRETS, Run, Runner, asset
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

OURS = {"server": "localhost", "ca_bundle": authority().pem}
LOGIN: dict[str, Any] = {
    "auth_type": "Automatic",
    "username": "me@example.com",
    "client_secret": None,
    "refresh_token": None,
}
LOGINS = {"me@example.com": SECRETS["password"]}


def outcome_of(run: Runner, settings: Settings, **fields: Any) -> tuple[Run, ScriptedServer]:
    with ScriptedServer(settings) as server:
        done = run("test_connectivity", asset(server, **fields))
    return done, server


def test_every_step_is_told_with_what_was_found(run: Runner) -> None:
    settings = Settings(tls="starttls", auth=("PLAIN", "CRAM-MD5"), logins=LOGINS)
    result, server = outcome_of(run, settings, ssl_config="StartTLS", **OURS, **LOGIN)
    assert result.document["status"] == "success"
    told = "\n".join(result.progress)
    steps = [
        f"Connecting to localhost:{server.port}",
        "localhost resolves to 127.0.0.1",
        "Connected to 127.0.0.1",
        "TLSv1.3, TLS_",
        "Certificate of ",
        "issued by ",
        "days left",
        "The server offers PIPELINING, CHUNKING",
        "Logged in: Basic, PLAIN",
        "Sending a test mail to sender@example.com",
    ]
    places = [told.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("fields", "receiver"),
    [
        ({}, "sender@example.com"),
        ({"sender_address": "Desk <desk@example.com>"}, "desk@example.com"),
        ({"sender_address": None, "username": "user@example.com"}, "user@example.com"),
        ({"sender_address": "", "username": "user@example.com"}, "user@example.com"),
    ],
)
def test_a_test_mail_goes_to_the_assets_own_address(
    run: Runner, fields: dict[str, Any], receiver: str
) -> None:
    with Catcher() as server:
        result = run("test_connectivity", asset(server, **fields))
        (caught,) = server.messages
    assert result.message == f"Test connectivity passed. A test mail was sent to {receiver}."
    assert (caught.mail_from, caught.rcpt_tos) == (receiver, (receiver,))
    assert sound(caught)["Subject"]


@pytest.mark.parametrize("username", [None, "user", "DOMAIN\\user"])
def test_without_an_address_an_empty_transaction_is_made(run: Runner, username: str | None) -> None:
    result, server = outcome_of(run, Settings(), sender_address=None, username=username)
    assert result.succeeded
    assert "No mail was sent: neither sender_address nor username is an address" in result.message
    assert "No mail was sent" in "\n".join(result.progress)
    assert server.log.verbs() == ["EHLO", "MAIL", "RSET", "QUIT"]
    assert server.log.accepted == []


@pytest.mark.parametrize("kind", [Kind.PERMANENT, Kind.CLOSE])
@pytest.mark.parametrize("step", [Step.MAIL, Step.RSET])
def test_an_empty_transaction_that_fails_is_a_step_that_failed(run: Runner, step: Step, kind: Kind) -> None:
    result, _ = outcome_of(run, Settings(fault=Fault(step, kind)), sender_address=None)
    assert result.message.startswith(f"Test connectivity failed, at step {step} with 127.0.0.1:")
    assert [taken["step"] for taken in result.data["steps"] if taken["status"] == "failed"] == ["test mail"]


def test_a_bad_address_of_the_asset_is_found_before_anything_is_connected(run: Runner) -> None:
    result, server = outcome_of(run, Settings(), sender_address="a b@example.com")
    assert result.message.startswith("Test connectivity failed: sender_address: 'a b@example.com'")
    assert server.log.connections == 0


@pytest.mark.parametrize(
    ("settings", "fields", "named"),
    [
        (Settings(fault=Fault(Step.BANNER, Kind.TEMPORARY)), {}, "at step banner"),
        (Settings(fault=Fault(Step.EHLO, Kind.GARBAGE)), {}, "at step EHLO"),
        (Settings(), {"ssl_config": "StartTLS", **OURS}, "STARTTLS was not offered"),
        (Settings(), {"ssl_config": "SSL", **OURS}, "Choose StartTLS (port 587)"),
        (Settings(tls="ssl"), {"ssl_config": "None", "read_timeout": 0.3}, "choose SSL (port 465)"),
        (Settings(tls="ssl"), {"ssl_config": "SSL", "server": "localhost"}, "ca_bundle"),
        (
            Settings(tls="ssl", context=authority().wrong_host),
            {"ssl_config": "SSL", **OURS},
            "is for another host name",
        ),
        (Settings(tls="ssl", context=authority().expired), {"ssl_config": "SSL", **OURS}, "has expired"),
        (Settings(), LOGIN, "offers no authentication without TLS"),
        (
            Settings(tls="starttls", before_tls=("AUTH PLAIN",)),
            {"ssl_config": "StartTLS", **OURS, **LOGIN},
            "offers no authentication",
        ),
        (Settings(auth=("PLAIN",)), LOGIN, "535 5.7.8 credentials are not good"),
        (
            Settings(
                auth=("PLAIN",),
                fault=Fault(
                    Step.AUTH,
                    Kind.SAYS,
                    reply=b"535 5.7.139 SmtpClientAuthentication is disabled for the Tenant.\r\n",
                    acted=False,
                ),
            ),
            LOGIN,
            "SMTP AUTH is disabled",
        ),
        (Settings(refused={"sender@example.com": "550 5.7.1 no"}), {}, "550 5.7.1 no"),
        (Settings(auth=("PLAIN",)), {}, "username and password"),
        (Settings(auth=("PLAIN",)), {"sender_address": None}, "username and password"),
    ],
)
def test_the_first_step_that_fails_ends_it_with_a_remedy(
    run: Runner, settings: Settings, fields: dict[str, Any], named: str
) -> None:
    result, server = outcome_of(run, settings, **fields)
    assert not result.succeeded
    assert result.message.startswith("Test connectivity failed")
    assert named in result.message
    assert server.log.accepted == []


def test_the_password_is_not_sent_to_a_server_that_is_not_trusted(run: Runner) -> None:
    settings = Settings(tls="ssl", context=authority().self_signed, auth=("PLAIN",), logins=LOGINS)
    result, server = outcome_of(run, settings, ssl_config="SSL", **OURS, **LOGIN)
    assert "is self-signed" in result.message
    assert server.log.commands == []


def test_a_connection_that_is_not_verified_is_warned_of(run: Runner) -> None:
    result, _ = outcome_of(run, Settings(tls="ssl"), ssl_config="SSL", verify_server_cert=False)
    assert result.succeeded
    assert "verify_server_cert is off" in result.message


def test_what_was_passed_over_is_told(run: Runner) -> None:
    fields = {**LOGIN, "client_id": "id", "token_url": None, "password": None, "username": None}
    result, _ = outcome_of(run, Settings(), **fields)
    assert "OAuth authentication is not used: username, token_url" in "\n".join(result.progress)
    assert result.succeeded

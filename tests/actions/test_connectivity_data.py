"""test connectivity's data: the steps, the certificate, what is offered, and what will stop working."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auth import readiness
from tests.auth.keys import own
from tests.support.authority import authority
from tests.support.catcher import Catcher
from tests.support.running import SECRETS, Run, Runner, asset
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step
from tests.support.scripted.server import closed_port

OURS = {"server": "localhost", "ca_bundle": authority().pem}
LOGIN: dict[str, Any] = {"auth_type": "Automatic", "username": "me@example.com"}
WITHOUT_OAUTH: dict[str, Any] = {"client_secret": None, "refresh_token": None}
LOGINS = {"me@example.com": SECRETS["password"]}


def outcome_of(run: Runner, settings: Settings, **fields: Any) -> Run:
    with ScriptedServer(settings) as server:
        return run("test_connectivity", asset(server, **fields))


def steps(done: Run) -> dict[str, str]:
    return {step["step"]: step["status"] for step in done.data["steps"]}


def test_every_step_is_there_with_what_was_found_and_how_long_it_took(run: Runner) -> None:
    settings = Settings(tls="starttls", auth=("PLAIN",), logins=LOGINS)
    done = outcome_of(run, settings, ssl_config="StartTLS", **OURS, **LOGIN, **WITHOUT_OAUTH)
    details = {step["step"]: step["detail"] for step in done.data["steps"]}
    assert list(details) == ["name resolution", "connection", "TLS", "EHLO", "authentication", "test mail"]
    assert set(steps(done).values()) == {"passed"}
    assert details["name resolution"] == "localhost is 127.0.0.1"
    assert details["connection"] == "connected to 127.0.0.1"
    assert details["TLS"].startswith("TLSv1.3, TLS_")
    assert "PIPELINING" in details["EHLO"]
    assert details["authentication"] == "Logged in: Basic, PLAIN."
    assert details["test mail"] == "Email sent"
    assert all(
        isinstance(step["duration_ms"], int) and step["duration_ms"] >= 0 for step in done.data["steps"]
    )
    assert (done.data["auth_method"], done.data["auth_mechanism"]) == ("Basic", "PLAIN")


def test_tls_from_the_first_octet_is_a_step_too(run: Runner) -> None:
    done = outcome_of(run, Settings(tls="ssl"), ssl_config="SSL", **OURS)
    assert list(steps(done)) == [
        "name resolution",
        "connection",
        "TLS",
        "EHLO",
        "authentication",
        "test mail",
    ]


def test_what_the_server_is_and_offers_can_be_read(run: Runner) -> None:
    done = outcome_of(run, Settings(tls="ssl", auth=("PLAIN",)), ssl_config="SSL", **OURS)
    shown = done.data["certificate"]
    assert set(shown) == {"subject", "issuer", "not_after", "days_left"}
    ends = datetime.strptime(shown["not_after"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert shown["days_left"] == (ends - datetime.now(UTC)).days
    assert "AUTH PLAIN" in done.data["offers"]
    assert "PIPELINING" in done.data["offers"]


def test_without_tls_there_is_no_certificate(run: Runner) -> None:
    with Catcher() as server:
        done = run("test_connectivity", asset(server))
    assert done.data["certificate"] == {}
    assert list(steps(done)) == ["name resolution", "connection", "EHLO", "authentication", "test mail"]


@pytest.mark.parametrize(
    ("settings", "fields", "failed"),
    [
        (Settings(fault=Fault(Step.BANNER, Kind.TEMPORARY)), {}, "connection"),
        (Settings(fault=Fault(Step.EHLO, Kind.GARBAGE)), {}, "EHLO"),
        (Settings(), {"ssl_config": "StartTLS", **OURS}, "TLS"),
        (Settings(tls="ssl", context=authority().expired), {"ssl_config": "SSL", **OURS}, "TLS"),
        (Settings(auth=("PLAIN",)), {**LOGIN, **WITHOUT_OAUTH}, "authentication"),
        (Settings(refused={"sender@example.com": "550 5.7.1 no"}), {}, "test mail"),
    ],
)
def test_the_first_step_that_fails_is_the_last(
    run: Runner, settings: Settings, fields: dict[str, Any], failed: str
) -> None:
    done = outcome_of(run, settings, **fields)
    (*before, last) = done.data["steps"]
    assert (last["step"], last["status"]) == (failed, "failed")
    assert {step["status"] for step in before} <= {"passed"}
    assert last["detail"] in done.message or last["detail"].lower() in done.message.lower()


def test_a_server_that_is_not_there_is_a_connection_that_failed(run: Runner) -> None:
    class Nobody:
        host, port = "127.0.0.1", closed_port()

    done = run("test_connectivity", asset(Nobody))
    assert steps(done) == {"name resolution": "passed", "connection": "failed"}
    assert (done.data["certificate"], done.data["offers"]) == ({}, [])


def test_a_test_mail_that_nobody_would_get_is_skipped(run: Runner) -> None:
    done = outcome_of(run, Settings(), sender_address=None, username=None)
    assert steps(done)["test mail"] == "skipped"
    assert done.succeeded


def test_an_asset_with_a_bad_address_took_no_step(run: Runner) -> None:
    done = outcome_of(run, Settings(), sender_address="a b@example.com")
    assert done.data["steps"] == []


def test_the_end_of_a_certificate_of_ours_is_told_in_time(run: Runner) -> None:
    pem = own(days=12).pem
    done = outcome_of(
        run, Settings(tls="ssl"), ssl_config="SSL", client_cert=pem, client_key_password=None, **OURS
    )
    day = (datetime.now(UTC) + timedelta(days=12)).date().isoformat()
    assert done.data["secrets"] == [{"field": "client_cert", "expires": day, "days_left": 12}]
    (notice,) = done.data["readiness"]
    assert (notice["subject"], notice["date"]) == ("client_cert", day)
    assert notice["text"] in done.progress


def test_the_end_of_password_logins_is_told(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_MICROSOFT_SERVERS", {"localhost": "Microsoft 365"})
    settings = Settings(tls="starttls", auth=("PLAIN",), logins=LOGINS)
    done = outcome_of(run, settings, ssl_config="StartTLS", **OURS, **LOGIN, **WITHOUT_OAUTH)
    (notice,) = done.data["readiness"]
    assert notice["date"] == "2026-12-31"
    assert notice["source"].startswith("https://techcommunity.microsoft.com/")
    assert done.succeeded


def test_nothing_secret_is_told(run: Runner) -> None:
    outcome_of(run, Settings(auth=("PLAIN",)), **LOGIN)
    assert run.exposed() == []

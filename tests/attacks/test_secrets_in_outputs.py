"""Secrets looked for in everything that is printed, returned or kept, however a run ends.

The `run` fixture searches all output and every file of the data folder after each test, in clear and in base64.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.support.authority import authority
from tests.support.running import SECRETS, Fields, Runner, asset, forms
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

PASSWORD = SECRETS["password"]
LOGIN: Fields = {
    "auth_type": "Basic",
    "username": "me@example.com",
    "ssl_config": "StartTLS",
    "server": "localhost",
    "ca_bundle": authority().pem,
}
MAIL = {"to": "a@example.com", "body": "x"}
LOGINS = {"me@example.com": PASSWORD}
PLAIN = base64.b64encode(f"\0me@example.com\0{PASSWORD}".encode())


def echoing(step: Step, *secrets: bytes) -> Fault:
    """A server that repeats what it was told."""
    return Fault(step, Kind.SAYS, reply=b"535 5.7.8 refused: " + b" ".join(secrets) + b"\r\n", acted=False)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "SCRAM-SHA-1"])
@pytest.mark.parametrize("logins", [LOGINS, {"me@example.com": "another"}])
@pytest.mark.parametrize("action", ["send_email", "test_connectivity"])
def test_after_a_login(run: Runner, mechanism: str, logins: dict[str, str], action: str) -> None:
    with ScriptedServer(Settings(tls="starttls", auth=(mechanism,), logins=logins)) as server:
        done = run(action, asset(server, **LOGIN), *([MAIL] if action == "send_email" else []))
    assert done.succeeded == (logins is LOGINS)
    assert "AUTH" in server.log.verbs()


@pytest.mark.parametrize(
    "said",
    [
        PASSWORD.encode(),
        PLAIN,
        base64.b64encode(PASSWORD.encode()),
        b"AUTH PLAIN " + PLAIN,
        PASSWORD.encode()[:9] + b"\t" + PASSWORD.encode()[9:] + b" " + PLAIN[:30],
    ],
)
def test_of_a_server_that_repeats_them(run: Runner, said: bytes) -> None:
    for step in (Step.AUTH, Step.MAIL, Step.END):
        settings = Settings(tls="starttls", auth=("PLAIN",), logins=LOGINS, fault=echoing(step, said))
        with ScriptedServer(settings) as server:
            done = run("send_email", asset(server, **LOGIN), MAIL)
        assert not done.succeeded
        assert "535" in done.message


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Step.AUTH, kind)
        for kind in (
            Kind.CLOSE,
            Kind.RESET,
            Kind.GARBAGE,
            Kind.HALF_LINE,
            Kind.WRONG_CODE,
            Kind.TEMPORARY,
            Kind.EXTRA,
        )
    ],
)
def test_when_the_login_breaks_down(run: Runner, fault: Fault) -> None:
    with ScriptedServer(Settings(tls="starttls", auth=("PLAIN",), logins=LOGINS, fault=fault)) as server:
        done = run("send_email", asset(server, **LOGIN), MAIL)
    assert not done.succeeded


@pytest.mark.parametrize(
    "fields",
    [
        {"password": ["{password}"]},
        {"password": {"x": "{password}"}},
        {"client_cert": "{password}"},
        {"client_key": "{password}", "client_cert": authority().pem},
        {"port": "x", "server": ""},
        {"auth_type": "OAuth"},
        {"pasword": "{password}"},
        {"Password": "{password}", "client_secrets": "{client_secret}"},
    ],
)
def test_in_a_bad_asset(run: Runner, fields: dict[str, Any]) -> None:
    filled = json.loads(
        json.dumps(fields)
        .replace("{password}", PASSWORD)
        .replace("{client_secret}", SECRETS["client_secret"])
    )
    with ScriptedServer(Settings(tls="starttls")) as server:
        done = run("send_email", asset(server, **{**LOGIN, **filled}), MAIL)
    assert not done.succeeded


def test_when_the_connector_itself_fails(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"with {PASSWORD} in it")

    monkeypatch.setattr("message.compose._head", broken)
    with ScriptedServer() as server:
        done = run("send_email", asset(server), MAIL)
    assert "RuntimeError" in done.message
    assert not done.succeeded


def test_in_what_the_command_line_prints_and_records(run: Runner) -> None:
    settings = Settings(tls="starttls", auth=("PLAIN",), logins=LOGINS)
    with ScriptedServer(settings) as server:
        fields = asset(server, **LOGIN)
        config = run.home.parent / "config.json"
        config.write_text(json.dumps(fields))
        commands = [
            ["asset", "add", "desk", "--config", str(config)],
            ["asset", "show", "desk"],
            ["run", "send email", "--asset", "desk", "--params", json.dumps(MAIL)],
            ["runs", "show", "1"],
        ]
        done = [run.command(*command) for command in commands]
    assert [each.code for each in done] == [0, 0, 0, 0]
    assert '"Email sent"' in done[3].stdout
    assert len(server.log.accepted) == 1


def test_the_search_finds_what_it_looks_for(run: Runner) -> None:
    assert run.exposed() == []
    for form in (PASSWORD.encode(), PLAIN, base64.b64encode(PASSWORD.encode())):
        run.said.append(f"something {form.decode()} else")
        assert run.exposed()
        run.said.clear()
    assert len(list(forms(PASSWORD))) == 4

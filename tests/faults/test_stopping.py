"""An action that is asked to stop ends within two seconds, whatever it waits for, with the truth in its result.

Every stage waits for a minute or longer by itself. The limit here has two seconds more, for a machine that is busy.
"""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from host.local.base_connector import BaseConnector
from host.local.home import HOME_VARIABLE, Home
from host.local.locks import MachineSlots
from host.manifest.model import load
from host.manifest.validation import parse_asset, unnamed_asset_id
from smtp_connector import POOL, SmtpConnector
from tests.support.authority import authority
from tests.support.scripted import Accepted, Fault, Kind, Log, ScriptedServer, Settings, Step
from tests.support.token_endpoint import Sender, TokenEndpoint

ROOT = Path(__file__).parents[2]
LIMIT = 2.0 + 2.0
PATIENCE = 60
SILENT_FOR = 30.0
"""Seconds that a server says nothing, if nobody goes away."""
Fields = dict[str, Any]
Result = dict[str, Any]


def fields_for(server: ScriptedServer, **more: Any) -> Fields:
    tls = {"plain": "None", "starttls": "StartTLS", "ssl": "SSL"}[server.settings.tls]
    return {
        "server": server.host,
        "port": server.port,
        "ssl_config": tls,
        "ca_bundle": authority().pem,
        "sender_address": "sender@example.test",
        "read_timeout": PATIENCE,
        "connection_timeout": PATIENCE,
        **more,
    }


def mails(count: int) -> list[Fields]:
    return [{"to": f"r{number}@example.test", "subject": "x", "body": "hello"} for number in range(count)]


class Watched(SmtpConnector):
    """A connector that is cancelled once `reached` is set, and knows how long it took from there."""

    def __init__(self, reached: threading.Event, told: Callable[[str], None] = lambda _: None) -> None:
        super().__init__()
        self.show_progress = told
        self.reached = reached
        self.cancelled_at = 0.0

    def run(self, fields: Fields, parameters: list[Fields]) -> tuple[list[Result], float]:
        """The action results, and the seconds from the cancellation to them."""

        def cancel() -> None:
            if self.reached.wait(20):
                self.cancelled_at = time.monotonic()
                self.handle_cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        given = {"identifier": "send_email", "config": fields, "parameters": parameters}
        document = json.loads(BaseConnector._handle_action(self, json.dumps(given), None))
        ended = time.monotonic()
        thread.join()
        assert self.cancelled_at, "it did not get so far"
        return document["result_data"], ended - self.cancelled_at


def outcomes(results: list[Result]) -> list[str]:
    return [result["data"][0]["outcome"] for result in results]


def causes(results: list[Result]) -> set[str]:
    return {result["data"][0]["failure"]["category"] for result in results if "failure" in result["data"][0]}


DIALOGUE: dict[str, tuple[Settings, list[str]]] = {
    "greeting": (Settings(fault=Fault(Step.BANNER, Kind.SILENCE)), ["not sent"] * 3),
    "EHLO": (Settings(fault=Fault(Step.EHLO, Kind.SILENCE)), ["not sent"] * 3),
    "STARTTLS": (Settings(tls="starttls", fault=Fault(Step.STARTTLS, Kind.SILENCE)), ["not sent"] * 3),
    "TLS": (Settings(tls="ssl", fault=Fault(Step.TLS, Kind.SILENCE)), ["not sent"] * 3),
    "login": (Settings(auth=("PLAIN",), fault=Fault(Step.AUTH, Kind.SILENCE)), ["not sent"] * 3),
    "MAIL": (Settings(fault=Fault(Step.MAIL, Kind.SILENCE)), ["not sent"] * 3),
    "MAIL of a further mail": (
        Settings(fault=Fault(Step.MAIL, Kind.SILENCE, nth=2)),
        ["sent", "not sent", "not sent"],
    ),
    "RCPT": (Settings(fault=Fault(Step.RCPT, Kind.SILENCE)), ["not sent"] * 3),
    "DATA": (Settings(chunking=False, fault=Fault(Step.DATA, Kind.SILENCE)), ["not sent"] * 3),
    "DATA of a further mail, in steps": (
        Settings(chunking=False, pipelining=False, fault=Fault(Step.DATA, Kind.SILENCE, nth=2)),
        ["sent", "not sent", "not sent"],
    ),
    "VRFY between two mails": (
        Settings(fault=Fault(Step.VRFY, Kind.SILENCE)),
        ["sent", "not sent", "not sent"],
    ),
    "end of BDAT": (
        Settings(fault=Fault(Step.END, Kind.SILENCE, acted=False)),
        ["unknown", "not sent", "not sent"],
    ),
    "end of DATA": (
        Settings(chunking=False, fault=Fault(Step.END, Kind.SILENCE, acted=False)),
        ["unknown", "not sent", "not sent"],
    ),
    "greeting of the connection after one that was closed": (
        Settings(closes_after=1, fault=Fault(Step.BANNER, Kind.SILENCE, nth=2)),
        ["sent", "not sent", "not sent"],
    ),
    "QUIT": (Settings(fault=Fault(Step.QUIT, Kind.SILENCE)), ["sent"] * 3),
}


@pytest.mark.parametrize("stage", DIALOGUE)
def test_in_the_dialogue_with_the_server(stage: str) -> None:
    settings, expected = DIALOGUE[stage]
    with ScriptedServer(replace(settings, logins={"ann": "canary"}, lifetime=90)) as server:
        login = {"username": "ann", "password": "canary"} if settings.auth else {}
        connector = Watched(server.log.struck)
        results, seconds = connector.run(fields_for(server, **login, allow_plaintext_auth=True), mails(3))
        server.wait_until_served(5)
    assert outcomes(results) == expected
    assert causes(results) <= {"cancelled"}
    assert outcomes(results).count("sent") == len(server.log.accepted)
    assert seconds < LIMIT


def test_while_a_large_body_is_not_read() -> None:
    fault = Fault(Step.BODY, Kind.SILENCE, after=20_000)
    with ScriptedServer(Settings(fault=fault, buffers=32768, lifetime=90)) as server:
        mail = {"to": "a@example.test", "body": "x" * 70 + ("\n" + "x" * 70) * 100_000}
        results, seconds = Watched(server.log.struck).run(fields_for(server), [mail])
    assert (outcomes(results), causes(results)) == (["not sent"], {"cancelled"})
    assert seconds < LIMIT


class Third(threading.Event):
    """Is set when it was to be set for the third time."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[None] = []

    def set(self) -> None:
        self.times.append(None)
        if len(self.times) >= 3:
            super().set()


def test_while_several_sessions_wait_for_answers() -> None:
    fault = Fault(Step.END, Kind.SILENCE, nth=10, times=3)
    with ScriptedServer(Settings(fault=fault, lifetime=90)) as server:
        server.log.struck = Third()  # on a busy machine the other sessions may be far behind the first
        results, seconds = Watched(server.log.struck).run(fields_for(server), mails(40))
        server.wait_until_served(5)
    assert outcomes(results).count("sent") == len(server.log.accepted) - 3
    assert outcomes(results).count("unknown") == 3
    assert seconds < LIMIT


def test_while_the_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered = threading.Event(), threading.Event()

    def look_up(*_given: object, **_more: object) -> list[Any]:
        asked.set()
        answered.wait(SILENT_FOR)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    fields = {"server": "mail.example.test", "ssl_config": "None", "sender_address": "me@example.test"}
    results, seconds = Watched(asked).run({**fields, "connection_timeout": PATIENCE}, mails(2))
    answered.set()
    assert (outcomes(results), causes(results)) == (["not sent"] * 2, {"cancelled"})
    assert seconds < LIMIT


def test_while_the_connection_is_being_made() -> None:
    connecting = threading.Event()
    with ExitStack() as sockets, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):  # as many as it lets wait; those behind them are not answered
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        fields = {
            "server": "127.0.0.1",
            "port": listener.getsockname()[1],
            "ssl_config": "None",
            "sender_address": "me@example.test",
            "connection_timeout": PATIENCE,
        }
        results, seconds = Watched(connecting, told=when("Connecting to", connecting.set)).run(
            fields, mails(2)
        )
    assert (outcomes(results), causes(results)) == (["not sent"] * 2, {"cancelled"})
    assert seconds < LIMIT


def when(start: str, do: Callable[[], object]) -> Callable[[str], None]:
    """Whoever watches a run, and does something once a progress text begins so."""

    def told(text: str) -> None:
        if text.startswith(start):
            do()

    return told


# -- tokens ------------------------------------------------------------------------------------------------------


@contextmanager
def silent_provider() -> Iterator[tuple[TokenEndpoint, threading.Event]]:
    """A provider that does not answer token requests, and whether one was made."""
    asked, gone = threading.Event(), threading.Event()

    def say_nothing(_sender: Sender) -> None:
        asked.set()
        gone.wait(SILENT_FOR)

    with TokenEndpoint() as provider:
        provider.behaviour.answer = say_nothing
        try:
            yield provider, asked
        finally:
            gone.set()


def oauth(provider: TokenEndpoint, **more: str) -> Fields:
    return {
        "server": "127.0.0.1",
        "port": 2,
        "ssl_config": "None",
        "sender_address": "me@example.test",
        "username": "ann",
        "client_id": "app",
        "token_url": provider.token_url,
        "read_timeout": PATIENCE,
        **more,
    }


@pytest.mark.parametrize("start", ["refresh_token", "client_secret"])
def test_while_the_provider_is_asked_for_a_token(start: str) -> None:
    with silent_provider() as (provider, asked):
        results, seconds = Watched(asked).run(oauth(provider, **{start: "canary"}), mails(2))
    assert (outcomes(results), causes(results)) == (["not sent"] * 2, {"cancelled"})
    assert seconds < LIMIT


def test_while_another_process_asks_the_provider() -> None:
    with silent_provider() as (provider, _asked):
        fields = oauth(provider, refresh_token="canary")
        waiting = threading.Event()
        with Home().state(unnamed_asset_id(fields)).lock():
            threading.Timer(0.5, waiting.set).start()
            results, seconds = Watched(waiting).run(fields, mails(2))
    assert (outcomes(results), causes(results)) == (["not sent"] * 2, {"cancelled"})
    assert seconds < LIMIT


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_provider_is_asked_for_a_token(
    tmp_path: Path, home: Path, number: signal.Signals
) -> None:
    with (
        silent_provider() as (provider, asked),
        started(tmp_path, home, oauth(provider, refresh_token="canary"), mails(1)) as process,
    ):
        assert asked.wait(60)
        document, seconds = stopped(process, number)
    assert (outcomes(document["result_data"]), process.returncode) == (["not sent"], 1)
    assert seconds < LIMIT


# -- others on this machine --------------------------------------------------------------------------------------


def test_while_other_processes_have_all_connections(home: Path) -> None:
    waiting = threading.Event()
    with ScriptedServer() as server:
        fields = fields_for(server, max_connections=2)
        places = MachineSlots(home)
        asset = parse_asset(fields, unnamed_asset_id(fields), load())
        held = [places.take(asset), places.take(asset)]
        told = when("Other programs on this machine use all connections", waiting.set)
        results, seconds = Watched(waiting, told).run(fields, mails(2))
        for place in held:
            assert place is not None
            place.free()
    assert (outcomes(results), causes(results)) == (["not sent"] * 2, {"cancelled"})
    assert seconds < LIMIT


def test_while_other_runs_of_this_process_have_all_connections() -> None:
    waits = threading.Event()

    def look() -> None:
        until = time.monotonic() + 20
        while not POOL.is_wanted(account) and time.monotonic() < until:
            time.sleep(0.01)
        waits.set()

    with ScriptedServer(Settings(fault=Fault(Step.END, Kind.SILENCE), lifetime=90)) as server:
        fields = fields_for(server, max_connections=1)
        account = parse_asset(fields, unnamed_asset_id(fields), load())
        first = Watched(threading.Event())
        running = threading.Thread(target=first.run, args=(fields, mails(1)), daemon=True)
        running.start()
        assert server.log.struck.wait(20)
        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        results, seconds = Watched(waits).run(fields, mails(2))
        first.reached.set()
        running.join()
        looking.join()
    assert (outcomes(results), causes(results)) == (["not sent"] * 2, {"cancelled"})
    assert seconds < LIMIT
    assert POOL.is_wanted(account) is False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_another_process_writes_into_the_ledger(
    tmp_path: Path, home: Path, number: signal.Signals
) -> None:
    """The mail is not committed then, and so it is not sent."""
    with ScriptedServer(Settings(lifetime=90)) as server:
        with started(tmp_path, home, fields_for(server), mails(1)) as process:
            assert process.stderr is not None
            assert any(line.startswith("Connecting to") for line in process.stderr)
            with closing(sqlite3.connect(home / "store.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                assert any(line.startswith("No login") for line in process.stderr)
                document, seconds = stopped(process, number)
        server.wait_until_served(5)
    assert outcomes(document["result_data"]) == ["not sent"]
    assert (server.log.accepted, process.returncode) == ([], 1)
    assert seconds < LIMIT


def test_while_another_process_writes_into_the_ledger_and_results_are_due(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be written is told, is in the result, and is in the ledger as a mail that may have arrived."""
    told: list[str] = []
    accept = Log.accept
    with ExitStack() as held, ScriptedServer(Settings(lifetime=90)) as server:

        def accept_and_keep_the_ledger_busy(log: Log, message: Accepted) -> None:
            accept(log, message)
            other = sqlite3.connect(home / "store.db", isolation_level=None, check_same_thread=False)
            held.enter_context(closing(other))
            other.execute("BEGIN IMMEDIATE")
            server.log.struck.set()

        monkeypatch.setattr(Log, "accept", accept_and_keep_the_ledger_busy)
        results, seconds = Watched(server.log.struck, told.append).run(fields_for(server), mails(1))
    assert outcomes(results) == ["sent"]
    assert any(text.startswith("The result of mail 1 could not be recorded yet.") for text in told)
    assert [mail.state for mail in Home().runs.get(1).mails] == ["unknown"]
    assert seconds < LIMIT


@contextmanager
def started(
    folder: Path, home: Path, fields: Fields, parameters: list[Fields]
) -> Iterator[subprocess.Popen[str]]:
    """The command line at work, in a process of its own."""
    (folder / "asset.json").write_text(json.dumps(fields))
    process = subprocess.Popen(
        [
            *(sys.executable, "smtp_connector.py", "run", "send email"),
            *("--asset", str(folder / "asset.json"), "--params", json.dumps(parameters)),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin", HOME_VARIABLE: str(home)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def stopped(process: subprocess.Popen[str], number: signal.Signals) -> tuple[Result, float]:
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in err
    document: Result = json.loads(out)
    return document, time.monotonic() - began

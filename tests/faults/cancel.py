"""Somebody stops an action run, by a signal or as the platform does, at every step and at any moment."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from smtp_connector import SmtpConnector
from tests.faults.action import SSL_CONFIG, accepted_by, addresses, contradictions
from tests.faults.cell import EARLY_STEPS, TRANSPORTS
from tests.faults.judge import Judgement
from tests.faults.messages import RECIPIENTS
from tests.support.authority import authority
from tests.support.scripted import Fault, Kind, Log, ScriptedServer, Settings, Step

ROOT = Path(__file__).parents[2]
PATIENCE = 60
"""Seconds that the run would wait for a reply: so it did not wait for one if it ends soon."""
SOON = 15.0
"""Seconds; far more than is needed, because the machine may be busy."""
STRUCK = 2
LARGE = 8_000_000
"""Octets of a body that does not fit into the sockets' buffers."""
Result = Mapping[str, Any]


class Stop(StrEnum):
    TERMINATED = "SIGTERM"
    INTERRUPTED = "SIGINT"
    ASKED = "handle_cancel"


@dataclass(frozen=True, slots=True)
class Stopped:
    """How a run ended: `document` is its result, None where it wrote none; `seconds` since it was stopped."""

    document: Result | None
    code: int | None
    said: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Order:
    """Asset and parameter sets, as a run is given them."""

    asset: dict[str, Any]
    parameters: list[dict[str, str]]

    @classmethod
    def to(cls, server: ScriptedServer, messages: int, body: str) -> Order:
        asset = {
            "server": server.host,
            "port": server.port,
            "ssl_config": SSL_CONFIG[server.settings.tls],
            "ca_bundle": authority().pem,
            "sender_address": "sender@example.test",
            "read_timeout": PATIENCE,
            "connection_timeout": PATIENCE,
        } | ({"username": "ann", "password": "canary"} if server.settings.auth else {})
        parameters = [
            {"to": ", ".join(addresses(number)), "subject": f"message {number}", "body": body}
            for number in range(1, messages + 1)
        ]
        return cls(asset, parameters)

    def run_until(self, event: threading.Event, seconds: float, stop: Stop) -> Stopped:
        """Run it, and stop it once `event` is set or so many seconds have gone by."""
        if stop is Stop.ASKED:
            return self._in_this_process(event, seconds)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "asset.json").write_text(json.dumps(self.asset))
            (folder / "parameters.json").write_text(json.dumps(self.parameters))
            command = [sys.executable, "smtp_connector.py", "run", "send email"]
            files = ["--asset", str(folder / "asset.json"), "--params", str(folder / "parameters.json")]
            process = subprocess.Popen(
                [*command, *files],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"PATH": "/usr/bin:/bin", "SMTP_CONNECTOR_HOME": str(folder / "home")},
            )
            try:
                event.wait(seconds)
                stopped = time.monotonic()
                process.send_signal(signal.Signals[stop])
                out, err = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
                process.wait()
        document = json.loads(out) if out else None
        return Stopped(document, process.returncode, err.decode(), time.monotonic() - stopped)

    def _in_this_process(self, event: threading.Event, seconds: float) -> Stopped:
        connector, stopped = SmtpConnector(), list[float]()
        connector.show_progress = lambda text: None

        def cancel() -> None:
            event.wait(seconds)
            stopped.append(time.monotonic())
            connector.handle_cancel()

        thread = threading.Thread(target=cancel, daemon=True)
        thread.start()
        run = {"identifier": "send_email", "config": self.asset, "parameters": self.parameters}
        document = json.loads(connector._handle_action(json.dumps(run), None))
        ended = time.monotonic()
        thread.join()
        return Stopped(document, None, "", ended - stopped[0])


@dataclass(frozen=True, slots=True)
class CancelCell:
    """The server falls silent at `step`, and the run is stopped. `acted`: what it was asked it did all the same."""

    step: Step
    acted: bool
    stop: Stop
    tls: str
    pipelining: bool
    chunking: bool

    @property
    def name(self) -> str:
        how = f"{'pipelined' if self.pipelining else 'in steps'}, {'BDAT' if self.chunking else 'DATA'}"
        acted = ", accepted" if self.acted else ""
        return f"cancelled: {self.stop} at {self.step}{acted} [{self.tls}, {how}]"

    def run(self) -> Judgement:
        firsts = {Step.QUIT: 1, Step.VRFY: 1}  # VRFY is asked behind the first message
        nth = {Step.RCPT: (STRUCK - 1) * RECIPIENTS + 2, **firsts}.get(self.step, STRUCK)
        settings = Settings(
            tls=self.tls,
            pipelining=self.pipelining,
            chunking=self.chunking,
            auth=("PLAIN",) if self.step is Step.AUTH else (),
            logins={"ann": "canary"},
            fault=Fault(
                self.step,
                Kind.SILENCE,
                nth=1 if self.step in EARLY_STEPS else nth,
                acted=self.acted,
                after=20_000,
            ),
            buffers=32768 if self.step is Step.BODY else None,
            lifetime=2 * PATIENCE,
        )
        body = ("x" * 70 + "\n") * (LARGE // 71) if self.step is Step.BODY else "hello"
        with ScriptedServer(settings) as server:
            stopped = Order.to(server, 3, body).run_until(server.log.struck, PATIENCE, self.stop)
            server.wait_until_served(5)
        judgement = judge(stopped, server.log, may_be_unknown=self._may_be_unknown)
        if not server.log.struck.is_set():
            judgement.surprises.append("the run did not get so far")
        if stopped.seconds > SOON:
            judgement.surprises.append(f"it ended {stopped.seconds:.1f} s after it was stopped")
        self._look_at(judgement, stopped)
        return judgement

    @property
    def _may_be_unknown(self) -> bool:
        """A whole message was written."""
        return self.step is Step.END

    def _look_at(self, judgement: Judgement, stopped: Stopped) -> None:
        if stopped.document is None:
            judgement.surprises.append("there is no result")
            return
        results = stopped.document["result_data"]
        outcomes = [result["data"][0]["outcome"] for result in results]
        before = 3 if self.step is Step.QUIT else 0 if self.step in EARLY_STEPS else STRUCK - 1
        before += self.step is Step.IDLE
        if outcomes[:before] != ["sent"] * before or "sent" in outcomes[before:]:
            judgement.surprises.append(f"the outcomes are {outcomes}")
        code = 4 if "unknown" in outcomes else 0 if before == 3 else 1
        if stopped.code not in (None, code):
            judgement.surprises.append(f"the exit code is {stopped.code}")
        categories = {result["data"][0]["failure"]["category"] for result in results[before:]}
        if categories - {"cancelled"}:
            judgement.surprises.append(f"the reasons are {sorted(categories)}")


@dataclass(frozen=True, slots=True)
class AnyMomentCell:
    """A run of many messages that nothing is wrong with, stopped at a moment that `seed` chose."""

    seed: int
    stop: Stop
    chunking: bool

    @property
    def name(self) -> str:
        return f"cancelled: {self.stop} at any moment [{'BDAT' if self.chunking else 'DATA'}, {self.seed}]"

    def run(self) -> Judgement:
        after = random.Random(self.seed).uniform(0.0, 2.5)
        with ScriptedServer(Settings(chunking=self.chunking, delay=0.002, lifetime=2 * PATIENCE)) as server:
            stopped = Order.to(server, 60, "hello").run_until(threading.Event(), after, self.stop)
            server.wait_until_served(5)
        return judge(stopped, server.log, may_be_unknown=True)


def judge(stopped: Stopped, log: Log, *, may_be_unknown: bool) -> Judgement:
    """Hold the result against what the server accepted. Without a result, nothing may have been accepted."""
    judgement = Judgement()
    if (
        str(ROOT) in stopped.said
    ):  # a traceback that comes through our own code; Python's own start may leave one
        judgement.surprises.append(f"there is a traceback: {stopped.said[-300:]}")
    judgement.surprises += [f"the client broke a rule: {text}" for text in log.violations]
    accepted = accepted_by(log)
    statuses: dict[str, str] = {}
    for result in stopped.document["result_data"] if stopped.document else ():
        (data,) = result["data"]
        mine = {entry["address"]: entry["status"] for entry in data["recipients"]}
        judgement.surprises += contradictions(result, mine) if mine else ()
        if not mine and data["outcome"] != "not sent":
            judgement.surprises.append(f"outcome {data['outcome']} without recipients")
        statuses |= mine
    for address in {*statuses, *accepted}:
        status, times = statuses.get(address, "not tried"), accepted[address]
        wrong = {
            "false_sent": status == "accepted" and not times,
            "false_not_sent": status in ("refused", "not tried") and times > 0,
            "duplicates": times > 1,
            "unknown_outside_window": status == "unknown" and not may_be_unknown,
        }
        judgement.counts.update(name for name, is_so in wrong.items() if is_so)
    return judgement


def cancel_cells() -> Iterator[CancelCell | AnyMomentCell]:
    """Every step in every way, stopped in every way; and moments of chance."""
    for stop in Stop:
        for step in Step:
            for acted in (False, True) if step is Step.END else (False,):
                for tls in TRANSPORTS:
                    for pipelining in (True, False):
                        for chunking in (True, False):
                            cell = CancelCell(step, acted, stop, tls, pipelining, chunking)
                            if _exists(cell):
                                yield cell
        for seed in range(12):
            yield AnyMomentCell(seed, stop, chunking=seed % 2 == 0)


def _exists(cell: CancelCell) -> bool:
    if cell.step in (Step.HELO, Step.NOOP, Step.CHUNK, Step.RSET):
        return False
    if cell.step in (Step.STARTTLS, Step.EHLO_AFTER_TLS):
        return cell.tls == "starttls"
    if cell.step is Step.TLS:
        return cell.tls != "plain"
    return cell.step is not Step.DATA or not cell.chunking

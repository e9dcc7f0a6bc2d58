"""Mails through a relay to a server that is never the bottleneck, over sessions that the client keeps: one, or eight.

The relay is compared with aiosmtpd, which takes a mail whole before it hands it on, and with programs that pass octets
on and look at none of them: no relay that hands each command on as it comes can be faster than those.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import servers
from benchmarks.clock import medians, seconds
from benchmarks.peers import with_smtp_source
from benchmarks.result import Figure, Part, Result
from tests.real.processes import wait_until

COUNT, OCTETS = 2_000, 4_000
AT_ONCE = 8
ROOT = Path(__file__).resolve().parent.parent.parent
AIM_AIOSMTPD, AIM_BARE = 4.0, 0.5
OURS, AIOSMTPD, BARE = "connector", "aiosmtpd, kept sessions", "octets forwarded by asyncio"
TWO = "connector, two processes"
SOCKETS = "octets forwarded by plain sockets"


@dataclass(frozen=True, slots=True)
class Way:
    """A port for mails; `pid` is the process that takes them, 0 where it is not one alone."""

    port: int
    pid: int = 0

    def processor_seconds(self) -> float:
        """What the process has used so far, and those that it has begun, by the kernel's account."""
        begun = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        ticks = 0
        for pid in (str(self.pid), *begun):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def _measure(sessions: int, effort: int) -> Result:
    with ExitStack() as stack:
        drain = stack.enter_context(servers.drain("PIPELINING", "CHUNKING"))
        ways = {
            OURS: stack.enter_context(_ours(drain, processes=1)),
            TWO: stack.enter_context(_ours(drain, processes=2)),
            AIOSMTPD: stack.enter_context(_peer("relay_with_aiosmtpd", "kept", drain)),
            "aiosmtpd's Proxy, which connects for each mail": stack.enter_context(
                _peer("relay_with_aiosmtpd", "proxy", drain)
            ),
            BARE: stack.enter_context(_peer("forwarding", "asyncio", drain)),
            SOCKETS: stack.enter_context(_peer("forwarding", "sockets", drain)),
            "Postfix, into its queue": Way(stack.enter_context(servers.postfix())),
            "no relay": Way(drain),
            "no relay, smtp-sink": Way(stack.enter_context(servers.smtp_sink())),
        }
        contenders = {name: partial(_seconds, way.port, sessions) for name, way in ways.items()}
        rates = {name: COUNT / taken for name, taken in medians(contenders, effort).items()}
        turns = effort + 1
        used = {name: way.processor_seconds() * 1000 / COUNT / turns for name, way in ways.items() if way.pid}
    # With one session the second process has nothing to do.
    judged = OURS if sessions == 1 else TWO
    names = [judged, *(name for name in rates if name != judged)]
    figures = tuple(Figure(name, rates[name], name.startswith(OURS)) for name in names)
    aiosmtpd, bare = rates[AIOSMTPD], rates[BARE]
    measured = (
        f"one process: {rates[OURS] / aiosmtpd:.1f} times aiosmtpd, {rates[OURS] / bare:.2f} of octets forwarded by "
        f"asyncio; two: {rates[TWO] / aiosmtpd:.1f} times, {rates[TWO] / bare:.2f} "
        f"(forwarding alone: {bare / aiosmtpd:.1f} times by asyncio, {rates[SOCKETS] / aiosmtpd:.1f} by sockets; "
        f"the processor's ms a mail: {used[OURS]:.2f}, with two processes {used[TWO]:.2f}, "
        f"aiosmtpd {used[AIOSMTPD]:.2f}, forwarding {used[BARE]:.2f})"
    )
    reached = rates[judged] / aiosmtpd >= AIM_AIOSMTPD and rates[judged] / bare >= AIM_BARE
    return Result("mails/s", figures, measured, reached)


def _seconds(port: int, sessions: int) -> float:
    return seconds(lambda: with_smtp_source.send(port, OCTETS, COUNT, kept=True, sessions=sessions))


@contextmanager
def _ours(port: int, *, processes: int) -> Iterator[Way]:
    """The relay, as the command line starts it; its log goes where a service's would, and nobody reads it here."""
    with tempfile.TemporaryDirectory() as folder:
        asset = Path(folder) / "asset.json"
        asset.write_text(json.dumps({"server": "127.0.0.1", "port": port, "ssl_config": "None"}))
        log = Path(folder) / "log"
        command = [sys.executable, str(ROOT / "smtp_connector.py"), "relay", "--listen", "127.0.0.1:0"]
        with log.open("w") as written:
            process = subprocess.Popen(
                [*command, "--asset", str(asset), "--processes", str(processes)],
                stderr=written,
                env={**os.environ, "SMTP_CONNECTOR_HOME": folder},
            )
        try:
            wait_until(lambda: "listening on" in log.read_text(), "the relay to listen")
            found = re.search(r"listening on \S+:(\d+)", log.read_text())
            assert found is not None
            yield Way(int(found[1]), process.pid)
        finally:
            process.terminate()
            process.wait()


@contextmanager
def _peer(module: str, way: str, port: int) -> Iterator[Way]:
    with servers.python(f"benchmarks.peers.{module}", way, str(port)) as process:
        yield Way(servers.number(process), process.pid)


_AIM = f"{AIM_AIOSMTPD:g} times aiosmtpd, {AIM_BARE:g} of octets that are only forwarded"
_WHAT = f"{COUNT:,} mails of {OCTETS:,} octets through a relay"
PARTS = (
    Part("relayed", f"{_WHAT}, over one session (smtp-source)", _AIM, partial(_measure, 1)),
    Part(
        "relayed-by-8",
        f"{_WHAT}, over {AT_ONCE} sessions at once (smtp-source)",
        _AIM,
        partial(_measure, AT_ONCE),
    ),
)

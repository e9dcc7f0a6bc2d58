"""Mails through a relay to a server that is never the bottleneck, over one session that the client keeps."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks import servers
from benchmarks.clock import medians, seconds
from benchmarks.peers import with_smtp_source
from benchmarks.result import Figure, Part, Result
from tests.real.processes import wait_until

COUNT, OCTETS = 2_000, 4_000
ROOT = Path(__file__).resolve().parent.parent.parent
AIM_AIOSMTPD, AIM_BARE = 4.0, 0.5


def measure(effort: int) -> Result:
    with ExitStack() as stack:
        drain = stack.enter_context(servers.drain("PIPELINING", "CHUNKING"))
        ports = {
            "connector": stack.enter_context(_ours(drain)),
            "aiosmtpd, kept session": stack.enter_context(_aiosmtpd(drain)),
            "octets forwarded by asyncio": stack.enter_context(servers.link(drain, 0.0)).port,
            "Postfix, into its queue": stack.enter_context(servers.postfix()),
            "no relay": drain,
            "no relay, smtp-sink": stack.enter_context(servers.smtp_sink()),
        }
        contenders = {name: partial(_seconds, port) for name, port in ports.items()}
        rates = {name: COUNT / taken for name, taken in medians(contenders, effort).items()}
    figures = tuple(Figure(name, rate, is_ours=name == "connector") for name, rate in rates.items())
    ours = rates["connector"]
    times = ours / rates["aiosmtpd, kept session"]
    share = ours / rates["octets forwarded by asyncio"]
    measured = f"{times:.1f} times aiosmtpd, {share:.2f} of octets forwarded"
    return Result("mails/s", figures, measured, times >= AIM_AIOSMTPD and share >= AIM_BARE)


def _seconds(port: int) -> float:
    return seconds(lambda: with_smtp_source.send(port, OCTETS, COUNT, kept=True))


@contextmanager
def _ours(port: int) -> Iterator[int]:
    """The relay, as the command line starts it; its log goes where a service's would, and nobody reads it here."""
    with tempfile.TemporaryDirectory() as folder:
        asset = Path(folder) / "asset.json"
        asset.write_text(json.dumps({"server": "127.0.0.1", "port": port, "ssl_config": "None"}))
        log = Path(folder) / "log"
        command = [sys.executable, str(ROOT / "smtp_connector.py"), "relay", "--listen", "127.0.0.1:0"]
        with log.open("w") as written:
            process = subprocess.Popen(
                [*command, "--asset", str(asset)],
                stderr=written,
                env={**os.environ, "SMTP_CONNECTOR_HOME": folder},
            )
        try:
            wait_until(lambda: "listening on" in log.read_text(), "the relay to listen")
            found = re.search(r"listening on \S+:(\d+)", log.read_text())
            assert found is not None
            yield int(found[1])
        finally:
            process.terminate()
            process.wait()


@contextmanager
def _aiosmtpd(port: int) -> Iterator[int]:
    with servers.python("benchmarks.peers.relay_with_aiosmtpd", str(port)) as process:
        yield servers.number(process)


PART = Part(
    "relayed",
    f"{COUNT:,} mails of {OCTETS:,} octets through a relay, over one session (smtp-source)",
    f"{AIM_AIOSMTPD:g} times aiosmtpd, {AIM_BARE:g} of octets that are only forwarded",
    measure,
)

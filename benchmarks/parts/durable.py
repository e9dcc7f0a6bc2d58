"""A submitted run, sent by one worker process over a link of 50 ms: how many a second, in how much memory.

The peers send as many mails of the same kind over the same link to the same sink, in the same run. Seconds are counted
from when the first mail is handed over, by whoever has it in a file or in memory, until the sink has taken the last
one: the connector's has its start and its end in it, and each peer's worker is ready beforehand.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import servers
from benchmarks.clock import seconds
from benchmarks.mails import asset, parameters
from benchmarks.memory import Memory
from benchmarks.peers import with_celery, with_nodemailer, with_postfix
from benchmarks.result import Figure, Part, Result

AIM = 278
"""A second: 1,000,000 in an hour."""
COUNT = 3_000
LARGE, WHOLE = 100_000, 1_000_000
"""Mails with an effort of 3 and of 5: the peers, and the default, send `COUNT` of them."""
WINDOW, CONNECTIONS = 20, 10
MEMORY = 256
"""MiB, for all processes together."""
_FAST = {"window": WINDOW, "max_connections": CONNECTIONS}
LONGEST = 6 * 3600.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Taken:
    """`growth` is what the last quarter of the time took more than the second, in MiB as `mib`."""

    rate: float
    mib: float
    growth: float


def measure(effort: int) -> Result:
    whole = WHOLE if effort >= 5 else LARGE if effort >= 3 else COUNT * effort
    compared = min(whole, COUNT * 2)
    contenders: dict[str, Callable[[int, Memory, servers.Drain, int], float]] = {
        "connector, a window of 20 over 10 connections": partial(_connector, _FAST),
        "connector, by default (a window of 1, 3 connections)": partial(_connector, {}),
        "nodemailer, a pool of 10 (no record, nothing on the disk)": _nodemailer,
        "Postfix's queue, fed by sendmail (20 connections; a log)": _postfix,
        "Celery and smtplib, 10 processes (no record)": _celery,
    }
    taken = {name: _measured(send, compared) for name, send in contenders.items()}
    best = next(iter(taken.values()))
    if whole > compared:
        best = taken[f"connector, a window of 20, {whole:,} mails"] = _measured(
            partial(_connector, _FAST), whole
        )
    figures = tuple(
        Figure(f"{name}; {one.mib:,.0f} MiB", one.rate, name.startswith("connector"))
        for name, one in taken.items()
    )
    words = (
        f"{best.rate:.0f} a second of {whole:,} mails, {best.mib:.0f} MiB in all processes, "
        f"{best.growth:+.0f} MiB towards the end; the peers sent {compared:,}"
    )
    return Result("mails/s", figures, words, best.rate >= AIM and best.mib <= MEMORY)


def _measured(send: Callable[[int, Memory, servers.Drain, int], float], count: int) -> Taken:
    with (
        servers.counting_drain("PIPELINING", "CHUNKING") as drain,
        servers.link(drain.port) as link,
        Memory() as memory,
    ):
        took = send(link.port, memory, drain, count)
        if (came := drain.accepted()) != count:
            raise RuntimeError(f"{came:,} of {count:,} mails came")
    return Taken(count / took, memory.most, memory.growth)


def _connector(
    fields: Mapping[str, object], port: int, _memory: Memory, _drain: servers.Drain, count: int
) -> float:
    """`submit --wait`, with a worker in its process: every mail in its row on the disk before it leaves, and after."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config, rows = folder / "asset.json", folder / "mails.jsonl"
        config.write_text(json.dumps(asset(port, **fields)))
        with rows.open("w") as file:
            file.writelines(json.dumps(mail) + "\n" for mail in _mails(count))
        _run(folder, "asset", "add", "bulk", "--config", str(config))
        command = ("submit", "send email", "--asset", "bulk", "--params", str(rows), "--wait")
        took = seconds(lambda: _run(folder, *command))
        counts = json.loads(_run(folder, "runs", "list"))[0]["progress"]["counts"]
        if counts != {"sent": count}:
            raise RuntimeError(f"not all were sent: {counts}")
    return took


def _nodemailer(port: int, _memory: Memory, _drain: servers.Drain, count: int) -> float:
    return with_nodemailer.pooled(port, list(_mails(count)), CONNECTIONS)


def _postfix(port: int, memory: Memory, drain: servers.Drain, count: int) -> float:
    with with_postfix.queue(port) as queue:
        memory.watch(queue.master)
        return _submitted(queue.submit, drain, count)


def _celery(port: int, _memory: Memory, drain: servers.Drain, count: int) -> float:
    with with_celery.worker(port, CONNECTIONS) as worker:
        return _submitted(worker.submit, drain, count)


def _submitted(submit: Callable[[list[dict[str, str]]], None], drain: servers.Drain, count: int) -> float:
    mails = list(_mails(count))

    def work() -> None:
        submit(mails)
        drain.wait_for(count, LONGEST)

    return seconds(work)


def _mails(count: int) -> Iterator[dict[str, str]]:
    """Personal ones: each with a recipient and a subject of its own."""
    return ({**parameters(number), "to": f"person{number}@example.com"} for number in range(count))


def _run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(servers.ROOT / "smtp_connector.py"), *arguments],
        env={**os.environ, "SMTP_CONNECTOR_HOME": str(folder / "data")},
        check=True,
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )
    return done.stdout


PART = Part(
    "durable",
    "personal mails in a submitted run, one worker, 50 ms round trip, every mail in its row on the disk",
    f"at least {AIM} mails a second with `window: {WINDOW}`, in at most {MEMORY} MiB for all processes",
    measure,
)

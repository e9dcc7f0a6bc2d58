"""A submitted run, sent by one worker process over a link of 50 ms: how many a second, and the worker's memory."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import servers
from benchmarks.mails import asset, parameters
from benchmarks.result import Figure, Part, Result

AIM = 278
"""A second: 1,000,000 in an hour."""
COUNT = 3_000
LARGE, WHOLE = 100_000, 1_000_000
"""Mails with an effort of 3 and of 5."""
WINDOW, CONNECTIONS = 20, 10
MEMORY = 256
"""MiB, for the worker."""
_FIELDS = {
    "window of 20, 10 connections": {"window": WINDOW, "max_connections": CONNECTIONS},
    "default: window of 1, 3 connections": {},
}


def measure(effort: int) -> Result:
    count = WHOLE if effort >= 5 else LARGE if effort >= 3 else COUNT * effort
    rates: dict[str, float] = {}
    memory = 0.0
    with servers.drain("PIPELINING", "CHUNKING") as server, servers.link(server) as link:
        for name, fields in _FIELDS.items():
            so_many = count if fields else min(count, COUNT)
            rates[name], memory = _worked(asset(link.port, **fields), so_many)
    best = next(iter(rates.values()))
    figures = tuple(Figure(name, rate, name.startswith("window")) for name, rate in rates.items())
    words = f"{best:.0f} a second, {memory:.0f} MiB in the worker"
    return Result("mails/s", figures, words, best >= AIM and memory <= MEMORY)


def _worked(fields: dict[str, object], count: int) -> tuple[float, float]:
    """Mails a second by the ledger's own account, and the most memory of any child so far in MiB."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config, rows = folder / "asset.json", folder / "mails.jsonl"
        config.write_text(json.dumps(fields))
        with rows.open("w") as file:
            file.writelines(_lines(count))
        _run(folder, "asset", "add", "bulk", "--config", str(config))
        command = ("submit", "send email", "--asset", "bulk", "--params", str(rows), "--wait")
        _run(folder, *command)
        progress = json.loads(_run(folder, "runs", "list"))[0]["progress"]
        if progress["counts"] != {"sent": count}:
            raise RuntimeError(f"not all were sent: {progress}")
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return progress["rate"] / 60, memory


def _lines(count: int) -> Iterator[str]:
    return (json.dumps(parameters(number)) + "\n" for number in range(count))


def _run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(servers.ROOT / "smtp_connector.py"), *arguments],
        env={**os.environ, "SMTP_CONNECTOR_HOME": str(folder / "data")},
        check=True,
        capture_output=True,
        text=True,
        timeout=6 * 3600,
    )
    return done.stdout


PART = Part(
    "durable",
    "a submitted run, one worker, 50 ms round trip, every mail in its row on the disk",
    f"at least {AIM} mails a second with `window: {WINDOW}`, in at most {MEMORY} MiB",
    measure,
)

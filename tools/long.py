"""Runs what takes hours, one after the other, and writes docs/long-results.md: `python -m tools.long [PART...]`.

With names of parts only those are run, and only their sections are written anew: each has its own date and commit. The
exit code is 1 when one of them failed; the document is written all the same, and says so.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = Path("docs", "long-results.md")
HEAD = """# Results of the long tests

Written by `make test-long` (`PART=…` only that one); what each of them means is in [reliability.md](reliability.md)."""
LINES = 12
"""How many of the last lines of an output are kept: the counts are at its end."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something to run: its name, what it is, and the module with its arguments."""

    name: str
    what: str
    module: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: the exit code, the seconds it took, and the last lines of what it printed."""

    part: Part
    code: int
    seconds: float
    lines: tuple[str, ...]


PARTS = (
    Part("faults", "The whole fault matrix", ("tests.faults",)),
    Part("smtplib", "The fault matrix played with smtplib", ("tests.faults", "--client", "smtplib")),
    Part("aiosmtplib", "The fault matrix played with aiosmtplib", ("tests.faults", "--client", "aiosmtplib")),
    Part("fuzz", "Fuzzing, half an hour", ("tests.fuzz", "1800", "0")),
    Part("soak", "Soak, half an hour", ("tests.soak", "1800", "0")),
    Part("kills", "A run killed at a hundred statements of its ledger", ("tests.kills", "100")),
    Part(
        "keys", "The same 200 keys at once in two processes and on two machines", ("tests.kills.keys", "200")
    ),
    Part(
        "limits",
        "Twelve processes on one mailbox with 60 messages a minute, with either database",
        ("tests.kills.limits", "150"),
    ),
    Part(
        "migrations",
        "A start killed at every statement that makes a database or brings an older one up to date",
        ("tests.kills.migrations",),
    ),
    Part("network", "A worker's machine that loses its network, and gets it back", ("tests.kills.network",)),
    Part("upgrade", "Workers of two builds at once on one PostgreSQL", ("tests.kills.upgrade",)),
    Part("hanging", "Workers that hang, and what a live one takes over", ("tests.kills.hanging", "5")),
    Part("look", "How mails look before and after sanitising", ("tests.look",)),
    Part(
        "workers",
        "A hundred kills of workers over a run of 5,000 mails",
        ("tests.kills.workers", "100", "5000"),
    ),
    Part(
        "postfix",
        "A hundred kills of workers over a run of 5,000 mails into Postfix, with either database",
        ("tests.kills.postfix", "100", "5000"),
    ),
    Part(
        "traces",
        "A trace of each row of the fault matrix, replayed through the model",
        ("tests.faults.traces",),
    ),
    Part("mutants", "Mutation testing", ("tests.mutants",)),
)


def run(part: Part) -> Outcome:
    """Run one part, showing what it prints."""
    print(f"=== {part.what}: python -m {' '.join(part.module)}", flush=True)
    started = time.monotonic()
    lines: list[str] = []
    command = [sys.executable, "-m", *part.module]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines = [*lines, line.rstrip()][-LINES:]
    return Outcome(part, process.returncode, time.monotonic() - started, tuple(lines))


def section(outcome: Outcome, where: str) -> str:
    """What docs/long-results.md says of one part: when and on what (`where`), and the end of its output."""
    verdict = "passed" if outcome.code == 0 else f"**failed** with exit code {outcome.code}"
    command = f"`python -m {' '.join(outcome.part.module)}`"
    lines = "\n".join(f"    {line}".rstrip() for line in outcome.lines)
    return f"{command}: {verdict} after {outcome.seconds:,.0f} s. {where}.\n\n{lines}".rstrip()


def document(old: str, new: Mapping[str, str]) -> str:
    """The document with the new sections, by what their parts are, in place of the old ones of these parts."""
    pieces = old.rstrip().split("\n\n## ")[1:]
    sections = dict(piece.split("\n\n", 1) for piece in pieces) | dict(new)
    kept = [f"## {part.what}\n\n{sections[part.what]}" for part in PARTS if part.what in sections]
    return "\n\n".join([HEAD, *kept]) + "\n"


def _commit() -> str:
    name = _git("rev-parse", "--short=12", "HEAD")
    return f"{name} with changes that were not committed" if _git("status", "--porcelain") else name


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    return done.stdout.strip()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.long", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(part.name for part in PARTS))
    names = parser.parse_args(arguments).parts
    unknown = sorted(set(names) - {part.name for part in PARTS})
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}")
    commit, path, code = _commit(), ROOT / DOCUMENT, 0
    machine = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    for part in PARTS:
        if names and part.name not in names:
            continue
        today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
        outcome = run(part)
        new = {part.what: section(outcome, f"{today}, commit {commit}, {machine}")}
        path.write_text(
            document(path.read_text(encoding="utf-8") if path.exists() else "", new), encoding="utf-8"
        )
        code |= int(outcome.code != 0)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

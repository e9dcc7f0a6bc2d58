"""Counts what a mail passes through: `python -m tools.trace [--rooms] [--functions]`, run by hand.

One `act("send email")` with STARTTLS and a login goes to the demo's mail server as a warm-up, and a second one is
traced: calls of functions of this project, the distinct functions among them, and the files that these are in. What
a generator does each time it is asked for its next value counts as a call, as Python's profiler counts it. A list,
set or dict comprehension counts with the function it stands in: since Python 3.12 it is part of that function (PEP
709), and so the counts are the same on every version. Nothing is measured in seconds: `make bench` does that.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ASIDE = ("tests", "tools", "benchmarks", "examples", "docs")
"""Folders of this checkout that a mail does not pass through."""
COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>")
"""Names of what Python 3.11 calls as a function, and later versions do not (PEP 709)."""


@dataclass(frozen=True, slots=True)
class Trace:
    """How often each function was called, by its file (relative to the checkout) and its qualified name."""

    calls: Counter[tuple[str, str]]

    @property
    def files(self) -> set[str]:
        return {file for file, _ in self.calls}

    def by_room(self) -> Counter[str]:
        """Calls for each folder at the top, or file there."""
        rooms: Counter[str] = Counter()
        for (file, _), calls in self.calls.items():
            rooms[Path(file).parts[0]] += calls
        return rooms

    def summary(self) -> str:
        return f"{self.calls.total():,} calls of {len(self.calls):,} functions in {len(self.files):,} files"


def traced(work: Callable[[], object], root: Path = ROOT) -> Trace:
    """Do `work` and count the calls of functions whose file is below `root`, in this thread and those it begins."""
    counted: Counter[CodeType] = Counter()

    def count(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call" and frame.f_code.co_name not in COMPREHENSIONS:
            counted[frame.f_code] += 1

    threading.setprofile(count)
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    calls: Counter[tuple[str, str]] = Counter()
    for code, number in counted.items():
        if file := _ours(code.co_filename, root):
            calls[file, f"{code.co_qualname}:{code.co_firstlineno}"] += number
    return Trace(calls)


def _ours(filename: str, root: Path) -> str:
    """The path relative to `root`, or "" for a library's file and for what stands aside."""
    path = Path(filename)
    if not path.is_relative_to(root) or "site-packages" in path.parts:
        return ""
    relative = path.relative_to(root)
    return "" if relative.parts[0] in ASIDE else relative.as_posix()


def warm_mail() -> Trace:
    """Send two mails to the demo's server and trace the second. Raises `RuntimeError` when one was not sent."""
    from doors.demo.server import USERNAME, DemoServer
    from smtp_connector import act

    with TemporaryDirectory(prefix="smtp-connector-trace-") as folder, DemoServer() as server:
        os.environ["SMTP_CONNECTOR_HOME"] = folder
        asset = server.asset

        def send() -> None:
            mail = {"to": USERNAME, "subject": "Traced", "body": "Hello\n"}
            results = act("send email", mail, asset=asset)
            if not results.success:
                raise RuntimeError(f"The mail was not sent: {results[0].message}")

        send()
        return traced(send)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.trace", description=__doc__)
    parser.add_argument("--rooms", action="store_true", help="also the calls of each room")
    parser.add_argument("--functions", action="store_true", help="also every function, with its calls")
    given = parser.parse_args(arguments)
    trace = warm_mail()
    print(trace.summary())
    if given.rooms:
        for room, calls in trace.by_room().most_common():
            print(f"{calls:7,}  {room}")
    if given.functions:
        for (file, name), calls in sorted(trace.calls.items()):
            print(f"{calls:7,}  {file}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

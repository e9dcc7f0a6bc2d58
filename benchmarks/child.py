"""A job in a process of its own: `python -m benchmarks.child`, so that its memory can be told from everything else's.

The job is JSON on standard input, with the name of what is to be done; the answer on standard output has the
seconds that took, without the process's own start, and the most memory that the process ever had resident.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks import mails, ours
from benchmarks.clock import seconds
from benchmarks.peers import with_smtplib

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Taken:
    seconds: float
    mib: float


def run(job: str, home: Path, **arguments: Any) -> Taken:
    """Do the job, with `home` as the connector's data folder."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.child"],
        cwd=ROOT,
        env={"SMTP_CONNECTOR_HOME": str(home), "PATH": "/usr/bin:/bin"},
        input=json.dumps({"job": job, **arguments}),
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return Taken(**json.loads(done.stdout))


def _action(port: int, parameters: list[dict[str, str]]) -> None:
    ours.run(mails.asset(port), parameters)


def _actions(port: int, count: int) -> None:
    ours.run(mails.asset(port), mails.sets(count))


def _session(port: int, count: int) -> None:
    ours.send_composed(port, count)


def _smtplib(port: int, path: str) -> None:
    with_smtplib.with_attachment(port, Path(path))


_JOBS: Mapping[str, Callable[..., None]] = MappingProxyType(
    {"action": _action, "actions": _actions, "session": _session, "smtplib": _smtplib}
)


def _resident_peak() -> float:
    """MiB, by the kernel's account of this process since it was executed (VmHWM)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found.group(1)) / 1024


def _main() -> None:
    arguments = json.load(sys.stdin)
    job = _JOBS[arguments.pop("job")]
    took = seconds(lambda: job(**arguments))
    print(json.dumps({"seconds": took, "mib": _resident_peak()}))


if __name__ == "__main__":
    _main()

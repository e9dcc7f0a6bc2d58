"""A process that sends one plain mail, from its start to its end."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import mails, servers
from benchmarks.clock import medians, seconds
from benchmarks.result import Figure, Part, Result

AIM = 3
NOTHING = "import smtplib, email.message, json"
RECORDED, NOT_RECORDED = "connector, run send email", "connector, not recorded"
WITHOUT_A_LEDGER = """
import runpy, sys
from benchmarks import unrecorded

unrecorded.stand_in()
del sys.argv[0]
sys.path[0] = sys.argv[0].rpartition("/")[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def measure(effort: int) -> Result:
    with servers.smtp_sink() as port, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        call = mails.command(port, folder)
        run = partial(_run, folder)
        took = medians(
            {
                "python -c pass": partial(seconds, partial(run, ["-c", "pass"])),
                f'python -c "{NOTHING}"': partial(seconds, partial(run, ["-c", NOTHING])),
                RECORDED: partial(seconds, partial(run, call)),
                NOT_RECORDED: partial(seconds, partial(run, ["-c", WITHOUT_A_LEDGER, *call])),
            },
            10 * effort,
        )
    factor = took[RECORDED] / took[f'python -c "{NOTHING}"']
    figures = tuple(Figure(name, value * 1000, name.startswith("connector")) for name, value in took.items())
    return Result("ms", figures, f"{factor:.2f} times", factor <= AIM)


def _run(home: Path, arguments: Sequence[str]) -> None:
    subprocess.run(
        [sys.executable, *arguments],
        cwd=servers.ROOT,
        env={"SMTP_CONNECTOR_HOME": str(home), "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
        timeout=60,
    )


PART = Part(
    "start",
    "a process that sends one plain mail, start to end",
    f'at most {AIM} times `python -c "{NOTHING}"`',
    measure,
)

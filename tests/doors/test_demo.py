"""The demo: right when all is right, wrong when anything is wrong, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions import send_email
from delivery.pool import Pool
from doors.demo.demo import demo
from host.local.results import document
from host.local.run import LocalRun
from tests.host.processes import ROOT


@pytest.fixture
def begin(tmp_path: Path) -> Any:
    def run() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, ROOT / "smtp_connector.py", "demo"],
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONIOENCODING": "ascii"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run


def test_it_sends_checks_and_leaves_nothing_behind(begin: Any, tmp_path: Path) -> None:
    process = begin()
    out, err = process.communicate(timeout=100)
    assert (process.returncode, err) == (0, "")
    assert "checks passed" in out
    assert "Subject:" in out
    assert "as its reader sees it" in out
    assert "Where to go next" in out
    assert "asset add me --email" in out
    assert [path.name for path in tmp_path.iterdir()] == []


def test_it_leaves_nothing_behind_when_it_is_ended(begin: Any, tmp_path: Path) -> None:
    process = begin()
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == []


def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say something else than what was asked for."""
    prepare = send_email.prepare
    monkeypatch.setattr(
        send_email, "prepare", lambda parameters, context: prepare(parameters._replace(body="else"), context)
    )


def lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send nothing and say that it was sent."""
    one = {"status": "success", "message": "Email sent", "data": [], "parameter": {}, "summary": {}}
    monkeypatch.setattr(LocalRun, "perform", lambda run: document("send_email", [one]))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(careless, "NOT SO: the text is the one given"), (lazy, "NOT SO: one mail arrived")],
)
def test_it_fails_when_what_arrived_is_wrong(
    spoil: Callable[[pytest.MonkeyPatch], None],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(monkeypatch)
    assert demo(Pool()) == 1
    out = capsys.readouterr().out
    assert said in out
    assert "checks failed" in out

"""The demo: right when all is right, wrong when anything is wrong, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from doors.demo.demo import demo
from smtp_connector import SmtpConnector
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
    assert [path.name for path in tmp_path.iterdir()] == []


def test_it_leaves_nothing_behind_when_it_is_ended(begin: Any, tmp_path: Path) -> None:
    process = begin()
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == []


class Careless(SmtpConnector):
    """Says something else than it was told to."""

    def handle_action(self, param: dict[str, Any]) -> bool:
        return super().handle_action({**param, "body": "something else"} if "body" in param else param)


class Lazy(SmtpConnector):
    """Sends nothing and says that it did."""

    def _handle_action(self, in_json: str, handle: object) -> str:
        one = '{"status": "success", "message": "Email sent", "data": [], "parameter": {}, "summary": {}}'
        return f'{{"status": "success", "message": "Email sent", "result_data": [{one}], "result_summary": {{}}}}'


@pytest.mark.parametrize(
    ("connector", "said"),
    [(Careless, "NOT SO: the text is the one given"), (Lazy, "NOT SO: one mail arrived")],
)
def test_it_fails_when_what_arrived_is_wrong(
    connector: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo(connector) == 1
    out = capsys.readouterr().out
    assert said in out
    assert "checks failed" in out

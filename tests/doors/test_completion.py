"""Completion: what the shells are told, and bash itself asking."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from delivery.pool import Pool
from doors.cli.command_line import main
from host.local.home import HOME_VARIABLE, Home

SCRIPT = Path(__file__).resolve().parents[2] / "smtp_connector.py"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def completed(capsys: pytest.CaptureFixture[str]) -> Any:
    def ask(*words: str) -> list[str]:
        assert main(["completion", "--words", *words], Pool()) == 0
        return capsys.readouterr().out.splitlines()

    return ask


def test_commands_options_and_choices_are_completed(completed: Any) -> None:
    assert {"send", "preview", "asset", "vault", "runs"} <= set(completed(""))
    assert completed("pre") == ["preview"]
    assert completed("asset", "s") == ["set", "show"]
    assert "--subject" in completed("send", "--to", "jane@example.com", "--s")
    assert completed("preview", "--show", "") == ["text", "html", "eml", "json"]
    assert completed("runs", "export", "1", "--format", "c") == ["csv"]
    assert completed("completion", "f") == ["fish"]
    assert "send_email" in completed("run", "send")


def test_stored_assets_are_completed(completed: Any) -> None:
    assert completed("send", "--asset", "") == []
    for name in ("prod", "test"):
        Home().assets.add(name, {"server": "mx"})
    assert completed("send", "--asset", "p") == ["prod"]
    assert completed("asset", "show", "") == ["prod", "test"]


def test_where_a_text_or_a_file_is_due_nothing_is_proposed(completed: Any) -> None:
    for words in (
        ("send", "--subject", ""),
        ("send", "--attach", ""),
        ("vault", "add", ""),
        ("nonsense", ""),
    ):
        assert completed(*words) == [] or words[0] == "nonsense"


def test_a_data_folder_that_cannot_be_read_is_no_hindrance(completed: Any, folder: Path) -> None:
    (folder / "data").write_text("a file")
    assert completed("asset", "show", "") == []


def test_bash_asks_and_completes(folder: Path) -> None:
    Home().assets.add("prod", {"server": "mx"})
    command = folder / "smtp-connector"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} {SCRIPT} "$@"\n')
    command.chmod(0o755)
    asked = """
        eval "$(smtp-connector completion bash)"
        COMP_WORDS=(smtp-connector send --asset p); COMP_CWORD=3
        _smtp_connector
        printf '%s\\n' "${COMPREPLY[@]}"
        complete -p smtp-connector
    """
    done = subprocess.run(
        ["/bin/bash", "-c", asked],
        env={"PATH": f"{folder}:/usr/bin:/bin", HOME_VARIABLE: str(folder / "data")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == ["prod", "complete -o default -F _smtp_connector smtp-connector"], (
        done.stderr
    )

"""The message package by itself: one import for a hello, and nothing needed but its own folder and that of smtp."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import message

ROOT = Path(__file__).resolve().parents[2]

DOCUMENT = (ROOT / "docs" / "library.md").read_text(encoding="utf-8").partition("## message")[2]
HELLO = DOCUMENT.partition("```python\n")[2].partition("```")[0]
EVERYTHING = """
import importlib, pkgutil, message
for module in pkgutil.walk_packages(message.__path__, "message."):
    importlib.import_module(module.name)
for name in message.__all__:
    getattr(message, name)
"""


def alone(program: str, folder: Path) -> str:
    """What a program prints that finds nothing of this project but the two packages."""
    for package in ("message", "smtp"):
        (folder / package).symlink_to(ROOT / package)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_documents_hello_works_with_one_import(tmp_path: Path) -> None:
    assert HELLO.count("import") == 1
    mail = alone(HELLO, tmp_path)
    assert "From: ann@example.com" in mail
    assert 'To: "Doe, Jane" <jane@example.com>, bob@example.com' in mail
    assert mail.rstrip().endswith("Hello, you two.")


def test_every_module_works_with_nothing_but_message_and_smtp(tmp_path: Path) -> None:
    alone(EVERYTHING, tmp_path)


@pytest.mark.parametrize("name", message.__all__)
def test_what_is_promised_is_there(name: str) -> None:
    assert getattr(message, name).__module__.startswith("message.")
    assert name in dir(message)


def test_what_is_not_promised_is_not_there() -> None:
    with pytest.raises(AttributeError, match="'message' has no attribute 'Mail'"):
        message.Mail  # noqa: B018


def test_its_types_are_for_others_too() -> None:
    assert (ROOT / "message" / "py.typed").is_file()


def test_a_plain_mail_loads_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    loaded = alone(HELLO + "import sys; print(*sys.modules, sep='\\n')", tmp_path)
    unneeded = (
        "nh3",
        "idna",
        "message.html.sanitise",
        "message.address.domains",
        "message.attachments",
        "message.raw",
    )
    assert set(loaded.split()).isdisjoint(unneeded)

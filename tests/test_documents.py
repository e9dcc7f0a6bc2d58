"""The documents say what the code does now, and the pins name no index."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_imports import MODULES, is_within

ROOT = Path(__file__).resolve().parent.parent


def test_the_tables_of_the_documents_are_made_from_the_manifest_and_the_measured_figures() -> None:
    check = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert check.returncode == 0, check.stderr


@pytest.mark.parametrize(
    "path",
    sorted(
        path
        for folder in (".", "docs", "examples", "changelog.d", "tests")
        for path in ROOT.glob(f"{folder}/*.md")
    ),
)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (path.parent / link).exists()] == []


def test_the_readme_can_be_read_in_a_few_minutes() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("path", sorted(ROOT.glob("requirements/*.txt")))
def test_every_pin_has_hashes_and_no_index_address(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    pins = re.findall(
        r"^[a-z0-9._-]+==\S+(?:.*\\\n(?:\s+--hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+)?", text, re.MULTILINE
    )
    assert pins
    assert all("--hash=sha256:" in pin for pin in pins)
    assert not re.search(r"https?:|file:|--(?:extra-)?index", text)


def imported_when_needed() -> set[str]:
    """The modules of the rooms a mail passes that are imported inside a function, but for those a façade opens."""
    rooms = ("actions", "delivery", "auth", "message", "smtp")
    found: set[str] = set()
    for module, path in MODULES.items():
        if module in ("smtp", "message") or not any(
            is_within(module, room) for room in (*rooms, "host.action_run")
        ):
            continue
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in rooms:
                    names = {f"{node.module}.{alias.name}" for alias in node.names}
                    found |= {name if name in MODULES else str(node.module) for name in names}
    return found


def test_what_is_loaded_when_it_is_needed_is_listed_with_what_that_takes() -> None:
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+ \| (`[a-z_.`, ]+`) \| ([\d, ]+) \|$", text, re.MULTILINE)
    assert {name.strip("`") for names, _ in rows for name in names.split(", ")} == imported_when_needed()
    assert all(len(names.split(", ")) == len(took.split(", ")) for names, took in rows)

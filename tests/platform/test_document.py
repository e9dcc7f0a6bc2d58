"""What docs/splunk-soar.md says of messages and fields is still so."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import contents
from tools.package import README, ROOT

TEXT = (ROOT / README).read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, as cells."""
    lines = TEXT[TEXT.index(heading) :].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def strings(path: Path) -> Iterator[str]:
    """The texts in a module, with … for what is filled in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)


TEXTS = [text for path in contents.modules(ROOT) for text in strings(ROOT / path)]


@pytest.mark.parametrize("message", [row[0] for row in table("## What the messages mean")])
def test_every_message_that_is_explained_can_be_said(message: str) -> None:
    (said,) = re.findall("`(.+)`", message)
    for part in re.split(r"…|\b\d+\b|'|[.,;] ", said):  # a message is put together from pieces
        wanted = part.strip(" .;:()")
        assert any(wanted in text for text in TEXTS), wanted


def test_every_field_of_the_asset_is_spoken_of() -> None:
    missing = [
        name
        for name in contents.manifest(ROOT)["configuration"]
        if f"`{name}`" not in TEXT and name != "server"
    ]
    assert missing == []
    for row in table("### Field by field"):
        for name in re.findall(r"`([a-z_0-9]+)`", row[0]):
            assert name in contents.manifest(ROOT)["configuration"]


def test_it_has_no_links_that_lead_nowhere_in_the_package() -> None:
    assert not re.search(r"\]\((?!https?:|#)", TEXT)

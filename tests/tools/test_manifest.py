"""The numbers of the manifest are written from position."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools.manifest import MANIFEST, ROOT, main, numbered

TEXT = (ROOT / MANIFEST).read_text(encoding="utf-8")


def as_text(manifest: dict[str, Any]) -> str:
    return json.dumps(manifest, indent=4, ensure_ascii=False) + "\n"


def test_the_manifest_is_as_the_tool_writes_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_a_field_put_in_between_moves_those_behind_it() -> None:
    manifest = json.loads(TEXT)
    fields = list(manifest["configuration"].items())
    new = {"data_type": "string", "category": "connectivity", "description": "New", "required": False}
    manifest["configuration"] = dict([*fields[:3], ("new", new), *fields[3:]])
    written = json.loads(numbered(as_text(manifest)))["configuration"]
    assert [field["order"] for field in written.values()] == list(range(len(fields) + 1))
    assert list(written["new"]) == ["data_type", "category", "description", "required", "order"]


def test_two_branches_that_took_the_same_number_are_told_apart_by_position() -> None:
    manifest = json.loads(TEXT)
    for field in manifest["configuration"].values():
        field["order"] = 7
    assert numbered(as_text(manifest)) == TEXT


def test_only_outputs_with_a_column_name_are_numbered() -> None:
    manifest = json.loads(TEXT)
    for action in manifest["actions"]:
        for output in action["output"]:
            output.pop("column_order", None)
    assert numbered(as_text(manifest)) == TEXT


def test_the_layout_is_the_tools_and_the_text_of_it_stays() -> None:
    squeezed = json.dumps(json.loads(TEXT))
    assert numbered(squeezed) == TEXT


def test_check_says_what_to_do_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = TEXT.replace('"order": 1,', '"order": 0,')
    (tmp_path / MANIFEST).write_text(stale, encoding="utf-8")
    assert main(["--check"], tmp_path) == 1
    assert "make manifest" in capsys.readouterr().err
    assert (tmp_path / MANIFEST).read_text(encoding="utf-8") == stale
    assert main([], tmp_path) == 0
    assert (tmp_path / MANIFEST).read_text(encoding="utf-8") == TEXT

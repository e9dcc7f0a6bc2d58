"""The documentation's tables come from the manifest."""

from __future__ import annotations

import re

from host.manifest.model import load
from tools.tables import action_sections, asset_table

MANIFEST = load()


def rows(table: str) -> list[list[str]]:
    return [re.split(r"(?<!\\) \| ", line[2:-2]) for line in table.splitlines() if line.startswith("|")]


def test_the_asset_table_has_a_row_for_each_field() -> None:
    table = rows(asset_table(MANIFEST))
    assert [row[0].strip("`") for row in table[2:]] == list(MANIFEST.configuration)
    assert {len(row) for row in table} == {5}
    ssl_config = next(row for row in table if row[0] == "`ssl_config`")
    assert ssl_config[1:4] == ["required", "string", "StartTLS"]
    assert ssl_config[4].endswith("(None, SSL, StartTLS)")


def test_each_action_has_its_parameters_and_data_paths() -> None:
    text = action_sections(MANIFEST)
    for action in MANIFEST.actions:
        section = text.split(f"### {action.name}\n")[1].split("\n### ")[0]
        firsts = [row[0].strip("`") for row in rows(section)]
        assert set(action.parameters) | {output.data_path for output in action.output} <= set(firsts)


def test_nothing_of_a_description_is_taken_for_markup() -> None:
    assert "&lt;html" in action_sections(MANIFEST)
    assert "<html" not in action_sections(MANIFEST)

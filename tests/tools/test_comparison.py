"""The README's comparison takes its figures from the measured ones."""

from __future__ import annotations

import re

import pytest

from tools.comparison import CLIENTS, comparison
from tools.manifest import ROOT

RESULTS = (ROOT / "docs/performance-results.md").read_text(encoding="utf-8")
FAULTS = (ROOT / "docs/reliability-clients.md").read_text(encoding="utf-8")


def test_a_new_measurement_is_in_the_table() -> None:
    (measured,) = re.findall(r"^\| smtplib, a connection per message \| (\d+) \|", RESULTS, re.MULTILINE)[:1]
    changed = RESULTS.replace(f"a connection per message | {measured} |", "a connection per message | 4321 |")
    assert "| 4321 s |" in comparison(changed, FAULTS)
    assert "4321" not in comparison(RESULTS, FAULTS)


def test_every_line_has_a_cell_for_each_client_and_its_command() -> None:
    lines = comparison(RESULTS, FAULTS).splitlines()
    assert {line.count(" |") for line in lines} == {len(CLIENTS) + 2}
    assert all(re.search(r"`make (bench|faults) [A-Z]+=\w+` \|$", line) for line in lines[2:])


def test_a_figure_that_is_no_longer_measured_is_missed() -> None:
    with pytest.raises(KeyError, match="smtplib, kept connection"):
        comparison(RESULTS.replace("smtplib, kept connection", "smtplib, kept"), FAULTS)

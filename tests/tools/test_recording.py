"""The README's picture of the demo is drawn from what the demo prints, and needs nothing from elsewhere."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from doors.demo.demo import NEXT
from tools.recording import PICTURE, ROOT, drawn, printed, shortened

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str) -> str:
    texts = (element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text"))
    return " ".join(texts).replace("\xa0", " ")


def test_the_demo_of_today_can_be_drawn() -> None:
    text = shortened(printed())
    assert "send htmlemail" not in text
    shown = words(drawn(text))
    assert "$ make demo" in shown
    assert "send email: " in shown
    assert "result: success, Email sent" in shown
    assert "checks passed. Nothing was left behind." in shown
    assert "as its reader sees it" in shown
    assert "Where to go next" in shown


def test_the_picture_that_is_shown_has_the_same_and_loads_nothing() -> None:
    svg = (ROOT / PICTURE).read_text(encoding="utf-8")
    assert "result: success, Email sent" in words(svg)
    assert "".join(NEXT.split()) in "".join(words(svg).split()), (
        "the demo ends otherwise by now: make recording"
    )
    assert svg.count("http") == svg.count("http://www.w3.org/") == 1
    assert "docs/demo.svg" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_colours_are_kept() -> None:
    assert "fill: #" in drawn("\x1b[32m✓ sent\x1b[0m")


def test_a_demo_without_the_scene_is_told() -> None:
    with pytest.raises(ValueError, match="no scene send email"):
        shortened("beginning\n\nsend rawemail: x\n\nend")
    with pytest.raises(ValueError, match="The demo has no end"):
        shortened("beginning\n\nsend email: x\n\nend")

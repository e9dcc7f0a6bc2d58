"""`explain`: where the hints lead whoever has nothing but the program."""

from __future__ import annotations

import re

import pytest

from auth.readiness import readiness
from auth.settings import Login
from delivery.pool import Pool
from delivery.remedies.replies import CASES
from doors.cli.command_line import main
from host.local.pages import pages
from tests.auth.test_readiness import TODAY

HINTS = sorted({case.remedy.hint for case in CASES if case.remedy.page})


def called(hint: str) -> list[str]:
    """The words of the command that a hint names, after the program's name."""
    found = re.search(r"\(smtp-connector (explain [^)]+)\)", hint)
    assert found is not None, hint
    return found[1].split()


@pytest.mark.parametrize("hint", HINTS)
def test_the_command_in_a_hint_prints_the_page(hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = called(hint)
    assert main(words, Pool()) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# ")
    assert "## Which case it is, and what to change" in printed
    assert f"docs/errors/{words[1]}.md" in hint, "in a checkout it is that file"


def test_the_command_in_a_dated_warning_prints_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    login = Login(id="1", server="smtp.office365.com", port=587, username="a@b.example", password="x")
    (notice,) = readiness(login, "Basic", TODAY)
    assert main(called(notice.text), Pool()) == 0
    assert "## Five commands" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [("535-5.7.139",), ("535", "5.7.139"), ("5.7.139",), ("docs/errors/535-5.7.139.md",), ("535 5.7.139",)],
)
def test_a_page_is_found_by_whatever_names_it(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *words], Pool()) == 0
    assert capsys.readouterr().out.startswith("# 535 5.7.139:")


def test_a_code_that_several_pages_are_about_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "535"], Pool()) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == ["535-5.7.139", "535-5.7.3", "535-5.7.8"]


def test_without_a_code_every_page_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"], Pool()) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [page.name for page in pages()]


@pytest.mark.parametrize("asked", ["999", "", "../../README", "/etc/passwd", "\x1b[31m"])
def test_what_no_page_is_about_is_a_wrong_call(asked: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", asked], Pool()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "There is no page about " in printed.err
    assert len(printed.err.splitlines()) == 1
    assert "\x1b" not in printed.err

"""Mails of others look the same before and after sanitising, in a window and on a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from playwright.sync_api import Page

from tests.look.comparison import WIDTHS, compiled, difference, maker
from tests.real.browser import browsing

MAILS = 20


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browsing() as page:
        yield page


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return compiled(tmp_path_factory.mktemp("mails"))


def test_there_are_a_hundred_mails_of_three_makers(mails: list[Path]) -> None:
    assert len(mails) >= 100
    assert {maker(path) for path in mails} == {"foundation", "mjml", "react"}


@pytest.mark.parametrize("width", WIDTHS)
def test_mails_look_as_they_were_meant(page: Page, mails: list[Path], width: int) -> None:
    chosen = mails[:: len(mails) // MAILS][:MAILS]
    found = [difference(page, path, width) for path in chosen]
    assert len(found) == MAILS
    assert median(one.share for one in found) == 0
    assert [str(one) for one in found if one.share > 0.05] == []
    assert [one.appeared for one in found if one.appeared] == []


def test_a_mail_that_loses_its_look_is_noticed(page: Page, tmp_path: Path) -> None:
    mail = tmp_path / "mjml-bare.html"
    mail.write_text(
        "<style>@import url(https://x.example/a.css); form { background: #c00; height: 500px }</style>"
        "<div style='max-height:0;overflow:hidden'><object>seen</object></div><form>Hello</form>"
    )
    found = difference(page, mail, WIDTHS[0])
    assert found.share > 0.2
    assert "<form> 1×" in found.lost

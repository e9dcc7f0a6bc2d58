"""What the platform shows of a send, in a real browser: it can be read in both themes, and nothing sticks out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.platform.results import LOST_MAIL, PARTLY_SENT_MAIL, UNSENT_MAIL, Result, shown
from tests.real.browser import browsing

ENOUGH = 4.5
"""The contrast between a text and what is behind it that people need (WCAG 2.1, 1.4.3)."""

# The contrast of each text with the colour that shows behind it, translucent colours laid over each other.
_CONTRASTS = """
() => {
  const parse = (css) => {
    const numbers = css.match(/[\\d.]+/g).map(Number);
    return numbers.length === 4 ? numbers : [...numbers, 1];
  };
  const over = (top, below) => below.map((value, i) => i === 3 ? 1 : top[i] * top[3] + value * (1 - top[3]));
  const behind = (element) => {
    const own = parse(getComputedStyle(element).backgroundColor);
    if (own[3] === 1 || !element.parentElement) return own;
    return over(own, behind(element.parentElement));
  };
  const opacity = (element) =>
    element ? Number(getComputedStyle(element).opacity) * opacity(element.parentElement) : 1;
  const luminance = (colour) => {
    const [r, g, b] = colour.map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const walker = document.createTreeWalker(document.querySelector('.smtp-result'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.tagName === 'STYLE') continue;
    const background = behind(element);
    const colour = parse(getComputedStyle(element).color);
    const seen = over([...colour.slice(0, 3), colour[3] * opacity(element)], background);
    const [dark, light] = [luminance(seen), luminance(background)].sort((a, b) => a - b);
    found.push([walker.currentNode.data.trim(), (light + 0.05) / (dark + 0.05)]);
  }
  return found;
}
"""


@pytest.fixture
def page() -> Iterator[Page]:
    with browsing() as page:
        yield page


def results(theme: str) -> str:
    long = {
        **PARTLY_SENT_MAIL,
        "server_reply": "250 " + "word" * 200,
        "message_id": f"<{'x' * 300}@example.com>",
    }
    return shown(
        Result(long, subject="S" * 300), Result(UNSENT_MAIL), Result(LOST_MAIL), Result(), theme=theme
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read(page: Page, theme: str, tmp_path: Path) -> None:
    page.set_content(results(theme))
    page.screenshot(path=tmp_path / f"{theme}.png", full_page=True)
    contrasts = page.evaluate(_CONTRASTS)
    assert len(contrasts) > 50
    assert [(text, contrast) for text, contrast in contrasts if contrast < ENOUGH] == []


@pytest.mark.parametrize("width", [320, 760])
def test_nothing_is_wider_than_its_frame(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.set_content(results("light"))
    assert page.evaluate("document.querySelector('.smtp-result').scrollWidth") <= width


def test_hostile_texts_run_nothing(page: Page) -> None:
    attack = "<img src=x onerror='window.hit = 1'><script>window.hit = 2</script>"
    data = {**PARTLY_SENT_MAIL, "server_reply": attack, "recipients": [{"address": attack, "reply": attack}]}
    page.set_content(shown(Result(data, message=attack, subject=attack), action=attack))
    assert page.evaluate("window.hit === undefined")
    assert attack in page.inner_text(".smtp-result")

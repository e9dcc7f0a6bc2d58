"""A mail rendered twice by Chromium, as it was written and as it is sent: how much of the picture differs.

Nothing outside of this machine is loaded, so pictures and fonts from elsewhere are missing on both sides, as they are
for readers whose program asks before it loads them.
"""

from __future__ import annotations

import re
import subprocess
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from message.html import sanitize

ROOT = Path(__file__).resolve().parents[2]
COMPILER = ROOT / ".local" / "mails"
SOURCES = ROOT / "tests" / "real" / "mails"
WIDTHS = (700, 375)
"""Pixels: a window and a telephone."""
_HEIGHT = 900
_BOTH_PICTURES = """
async ([before, after]) => {
  const pixels = async (data) => {
    const bitmap = await createImageBitmap(await (await fetch('data:image/png;base64,' + data)).blob());
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, bitmap.width, bitmap.height);
  };
  const [one, other] = [await pixels(before), await pixels(after)];
  const width = Math.max(one.width, other.width), height = Math.max(one.height, other.height);
  const both = Math.min(one.height, other.height);
  let changed = width * (height - both);
  for (let at = 0; at < width * both * 4; at += 4) {
    const far = [0, 1, 2].some((i) => Math.abs(one.data[at + i] - other.data[at + i]) > 16);
    if (far) changed += 1;
  }
  return changed / (width * height);
}
"""
# What a reader sees of the texts: not what has no room, no size, no colour of its own, or is cut off by what it is in.
_VISIBLE_TEXTS = """
() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.replace(/[\\s\\u00a0\\u034f\\u200b-\\u200f\\u00ad\\ufeff]+/g, ' ').trim();
    if (!text) continue;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    let box = range.getBoundingClientRect(), seen = box.width > 0 && box.height > 1;
    for (let element = walker.currentNode.parentElement; element && seen; element = element.parentElement) {
      const style = getComputedStyle(element);
      seen = style.visibility === 'visible' && Number(style.opacity) > 0.05;
      seen = seen && !/^(STYLE|SCRIPT|TITLE)$/.test(element.tagName);
      if (seen && style.overflow !== 'visible' && element !== document.body && element !== document.documentElement) {
        const outer = element.getBoundingClientRect();
        seen = outer.width > 1 && outer.height > 1 && box.top < outer.bottom && box.left < outer.right;
      }
    }
    if (seen && parseFloat(getComputedStyle(walker.currentNode.parentElement).fontSize) >= 3) found.push(text);
  }
  return found;
}
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """What sanitising does to a mail at a width: the share of its pixels, texts that only one of both shows."""

    name: str
    width: int
    share: float
    appeared: tuple[str, ...]
    disappeared: tuple[str, ...]
    lost: str

    def __str__(self) -> str:
        texts = "".join(
            f"; {what}: {', '.join(map(repr, some))}"
            for what, some in (("appeared", self.appeared), ("disappeared", self.disappeared))
            if some
        )
        return f"{self.share:7.2%} {self.name} at {self.width}{texts}"


def compiled(folder: Path) -> list[Path]:
    """Compile the mails into `folder`; returns their files by name. Raises `CalledProcessError`."""
    for source in SOURCES.glob("*.js"):
        (COMPILER / source.name).write_bytes(source.read_bytes())
    command = ["node", "compile.js", str(folder)]
    subprocess.run(command, cwd=COMPILER, check=True, timeout=300)
    return sorted(folder.glob("*.html"))


def difference(page: Page, path: Path, width: int, pictures: Path | None = None) -> Difference:
    """Render a mail as it is and as it is sent. Both pictures go into a folder, if there is one."""
    html = path.read_text(encoding="utf-8")
    sanitised = sanitize(html)
    page.set_viewport_size({"width": width, "height": _HEIGHT})
    shots, texts = [], []
    for which, document in (("before", html), ("after", sanitised.html)):
        page.set_content(document, wait_until="load")
        page.evaluate("() => document.fonts.ready.then(() => true)")
        shots.append(page.screenshot(full_page=True, animations="disabled"))
        texts.append(page.evaluate(_VISIBLE_TEXTS))
        if pictures is not None:
            (pictures / f"{path.stem}-{width}-{which}.png").write_bytes(shots[-1])
    before, after = texts
    share = page.evaluate(_BOTH_PICTURES, [b64encode(shot).decode() for shot in shots])
    return Difference(
        path.stem,
        width,
        share,
        tuple(text for text in after if text not in before),
        tuple(text for text in before if text not in after),
        sanitised.lost,
    )


def maker(path: Path) -> str:
    """mjml, react or foundation."""
    return re.split("-", path.stem, maxsplit=1)[0]

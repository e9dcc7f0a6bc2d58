"""Writes docs/demo.svg, the README's picture of `make demo`: `python -m tools.recording`.

The demo is run as anybody would run it, and what it printed about one of its mails is drawn as a terminal shows it.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURE = Path("docs", "demo.svg")
SCENE = "send email"
WIDTH = 92


def printed() -> str:
    """What the demo prints on a terminal. Raises `CalledProcessError` where it fails."""
    done = subprocess.run(
        [sys.executable, "smtp_connector.py", "demo"],
        cwd=ROOT,
        env={**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


def shortened(text: str) -> str:
    """The beginning, the scene that is shown, and the end. Raises `ValueError` where there is no such scene."""
    first, *scenes = text.strip("\n").split("\n\n")
    shown = [scene for scene in scenes if _plain(scene).startswith(f"{SCENE}:")]
    if not shown:
        raise ValueError(f"The demo has no scene {SCENE}.")
    end = next((at for at, scene in enumerate(scenes) if _plain(scene).startswith("All ")), None)
    if end is None:
        raise ValueError("The demo has no end.")
    return "\n\n".join(["$ make demo\n" + first, "…", *shown, "…", *scenes[end:]])


def drawn(text: str) -> str:
    """An SVG of `text`, with its colours. It needs nothing from elsewhere: the reader's own fonts are used."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(Text.from_ansi(text))
    svg = console.export_svg(title="make demo", unique_id="demo")
    svg = re.sub(r"@font-face \{.*?\}\s*|<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    return svg.replace(
        "font-family: Fira Code, monospace", "font-family: Menlo, Consolas, 'DejaVu Sans Mono', monospace"
    )


def _plain(text: str) -> str:
    return Text.from_ansi(text).plain


def main() -> int:
    (ROOT / PICTURE).write_text(drawn(shortened(printed())), encoding="utf-8")
    print(f"{PICTURE} is written.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

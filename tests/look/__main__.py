"""Renders every mail of `tests/real/mails` before and after sanitising: `python -m tests.look [FOLDER]`.

Tells how many pixels differ, and fails where more do than may. The pictures of both go into FOLDER. Needs Node.js and
Chromium (`tests/real/install.sh`).
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.look.comparison import WIDTHS, Difference, compiled, difference, maker
from tests.real.browser import browsing

LARGE = 0.20
MOST_LARGE = 0.01
"""The share of the renderings in which more than `LARGE` of the pixels may differ."""


def main(arguments: list[str]) -> int:
    pictures = Path(arguments[0]) if arguments else None
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, browsing() as page:
        paths = compiled(Path(folder))
        found = [difference(page, path, width, pictures) for path in paths for width in WIDTHS]
    makers = ", ".join(f"{count} {name}" for name, count in Counter(map(maker, paths)).items())
    tell(f"{len(paths)} mails: {makers}")
    good = True
    for width in WIDTHS:
        good &= told(width, [one for one in found if one.width == width])
    return int(not good)


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def told(width: int, found: list[Difference]) -> bool:
    """Tell what was found at a width; whether that is good enough."""
    shares = sorted(one.share for one in found)
    large = [one for one in found if one.share > LARGE]
    appeared = [one for one in found if one.appeared]
    for one in found:
        if one.share > 0.01 or one.appeared or one.disappeared:
            tell(str(one))
    tell(
        f"{width} px: median {median(shares):.2%}, 95th percentile {shares[len(shares) * 95 // 100]:.2%}, "
        f"largest {shares[-1]:.2%}; {len(large)} of {len(shares)} over {LARGE:.0%}; "
        f"{len(appeared)} with hidden text that appeared"
    )
    return median(shares) == 0 and len(large) <= MOST_LARGE * len(shares) and not appeared


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

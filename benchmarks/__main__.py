"""`python -m benchmarks [PART...]`: run all parts, or those named, and print what they measured.

`--write` also writes docs/performance-results.md and its chart, which takes a whole run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import chart, ours, profile, report
from benchmarks.parts import PARTS
from benchmarks.report import Outcome
from benchmarks.result import Unavailable

DOCS = Path(__file__).resolve().parent.parent / "docs"
CHART = "performance.svg"


def main() -> int:
    arguments = _arguments()
    outcomes: list[Outcome] = []
    missing = 0
    for part in PARTS:
        if arguments.parts and part.name not in arguments.parts:
            continue
        try:
            result = part.measure(arguments.effort)
        except Unavailable as reason:
            missing += 1
            print(f"{part.name}: {part.title}\n  not measured: {reason}\n", flush=True)
            continue
        outcomes.append((part, result))
        print("\n".join(report.lines(part, result)), end="\n\n", flush=True)
    if len(outcomes) > 1:
        print("\n".join(report.table(outcomes)), flush=True)
    if arguments.write:
        if missing or arguments.parts:
            print("Nothing was written: that takes all parts.", file=sys.stderr)
            return 1
        (DOCS / "performance-results.md").write_text(report.markdown(outcomes, profile.shares(), CHART))
        (DOCS / CHART).write_text(chart.svg(outcomes))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(part.name for part in PARTS))
    parser.add_argument(
        "--effort", type=int, default=3, help="1 for a quick look, 3 (default) or more to quote"
    )
    parser.add_argument("--write", action="store_true", help="write the results and the chart into docs/")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.parts) - {part.name for part in PARTS})
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}")
    return arguments


if __name__ == "__main__":
    with ours.data_folder():
        sys.exit(main())

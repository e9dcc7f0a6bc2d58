"""Numbers connector.json: `python -m tools.manifest` writes, `--check` exits with 1 when something is out of date.

The platform wants an `order` on every field and parameter and a `column_order` on every output that is a column, each
counting from 0 without a gap. Where an entry stands says all of that already, so the numbers are written from it:
who adds a field, or merges two branches that did, moves lines and numbers nothing. The file is written as the
standard library writes JSON with four spaces, so the layout is nobody's choice either.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = "connector.json"

Entry = dict[str, Any]


def numbered(text: str) -> str:
    """The manifest `text` with every `order` and `column_order` counted from position. Raises `ValueError`."""
    manifest: Entry = json.loads(text)
    _number(manifest["configuration"].values(), "order", after="required")
    for action in manifest["actions"]:
        _number(action["parameters"].values(), "order", after="required")
        columns = [output for output in action["output"] if "column_name" in output]
        _number(columns, "column_order", after="column_name")
    return json.dumps(manifest, indent=4, ensure_ascii=False) + "\n"


def _number(entries: Iterable[Entry], key: str, after: str) -> None:
    """Give each entry its number, behind the key `after` where it had none."""
    for number, entry in enumerate(entries):
        if key in entry or after not in entry:
            entry[key] = number
        else:
            items = list(entry.items())
            place = 1 + [name for name, _ in items].index(after)
            entry.clear()
            entry.update([*items[:place], (key, number), *items[place:]])


def main(arguments: list[str], root: Path = ROOT) -> int:
    path = root / MANIFEST
    text = path.read_text(encoding="utf-8")
    wanted = numbered(text)
    if "--check" in arguments:
        if text != wanted:
            print(f"{MANIFEST} is out of date: run `make manifest`.", file=sys.stderr)
        return int(text != wanted)
    path.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Writes what the documents take from the code: the tables of the manifest into README.md.

python docs/generate.py           writes
python docs/generate.py --check   exits with 1 when something is out of date
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from host.manifest.model import load  # noqa: E402 - the module path comes first
from tools.tables import action_sections, asset_table  # noqa: E402 - same


def with_block(text: str, name: str, content: str) -> str:
    """`text` with what stands between the two marks of that name replaced. Raises `ValueError` without them."""
    begin, end = f"<!-- {name}: made by docs/generate.py -->", f"<!-- end of {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"README.md has no marks for {name}")
    return pattern.sub(lambda _: f"{begin}\n\n{content}\n\n{end}", text)


def generated(text: str) -> str:
    """README.md as it has to be."""
    manifest = load()
    text = with_block(text, "configuration", asset_table(manifest))
    return with_block(text, "actions", action_sections(manifest))


def main(arguments: list[str]) -> int:
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    wanted = generated(text)
    if "--check" in arguments:
        if text != wanted:
            sys.stderr.write("README.md is out of date: run `make docs`.\n")
        return int(text != wanted)
    path.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Writes what the documents take from elsewhere: tables of the manifest, and the figures of the comparison.

python docs/generate.py           writes
python docs/generate.py --check   exits with 1 when something is out of date
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from auth.providers.profiles import profiles  # noqa: E402 - the module path comes first
from host.manifest.model import load  # noqa: E402 - same
from tools.comparison import comparison  # noqa: E402 - same
from tools.tables import action_sections, asset_table, provider_table  # noqa: E402 - same


def with_block(text: str, name: str, content: str) -> str:
    """`text` with what stands between the two marks of that name replaced. Raises `ValueError` without them."""
    begin, end = f"<!-- {name}: made by docs/generate.py -->", f"<!-- end of {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"There are no marks for {name}.")
    return pattern.sub(lambda _: f"{begin}\n\n{content}\n\n{end}", text)


def generated() -> dict[Path, str]:
    """Each document that has something generated in it, as it has to be."""
    manifest = load()
    results, clients = _read("docs/performance-results.md"), _read("docs/reliability-clients.md")
    blocks = {
        "docs/configuration.md": ("configuration", asset_table(manifest)),
        "docs/actions.md": ("actions", action_sections(manifest)),
        "docs/providers.md": ("providers", provider_table(profiles())),
        "README.md": ("comparison", comparison(results, clients)),
    }
    return {ROOT / path: with_block(_read(path), *block) for path, block in blocks.items()}


def _read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def main(arguments: list[str]) -> int:
    outdated = {path: text for path, text in generated().items() if path.read_text(encoding="utf-8") != text}
    if "--check" in arguments:
        for path in outdated:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run `make docs`.\n")
        return int(bool(outdated))
    for path, text in outdated.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Writes dist/<package name>-<version>.tgz, the app as Splunk SOAR installs it: `python -m tools.package`.

The same checkout and the same wheels give the same bytes.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools import contents
from tools.wheels import WheelError, bundled, place, wheels

ROOT = Path(__file__).resolve().parent.parent
LOCK = Path("requirements", "app.txt")
WHEELS = Path(".local", "wheels")
README = Path("docs", "splunk-soar.md")
ERRORS = Path("docs", "errors")
LICENSE = Path("LICENSE")
_ERRORS = """## Errors

What a server's reply means, how to see which case it is, and what to change. A hint that says "See
docs/errors/535-5.7.139.md" means the section 535-5.7.139 below."""
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]*\)")
_HEADING = re.compile(r"^##(?=\s)", re.MULTILINE)
# Every member's time: what a checkout's files have differs from clone to clone. (1980 is the first year of a wheel's.)
MODIFIED = 315_532_800


def write(root: Path, target: Path, bundle: Sequence[Path]) -> Path:
    """Write the package of the checkout `root` with the wheels of `bundle` into the folder `target`; its path."""
    manifest = contents.manifest(root)
    members = files(root, bundle)
    path = target / f"{manifest['package_name']}-{manifest['app_version']}.tgz"
    target.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(_archive(manifest["package_name"], members))
    unfinished.replace(path)
    return path


def files(root: Path, bundle: Sequence[Path]) -> dict[str, bytes]:
    """What is in the package: paths below its one folder, and octets."""
    members = {str(path): (root / path).read_bytes() for path in contents.modules(root)}
    members |= {str(path): (root / path).read_bytes() for path in contents.assets(root)}
    members["README.md"] = _readme(root).encode()
    if (root / LICENSE).exists():
        members["LICENSE"] = (root / LICENSE).read_bytes()
    members |= {place(wheel.name): wheel.read_bytes() for wheel in bundle}
    members[contents.MANIFEST] = _with_dependencies(contents.manifest(root), bundle)
    return members


def _readme(root: Path) -> str:
    """What the platform shows as the app's documentation: who reads a hint there has no other document."""
    pages = [path for path in sorted((root / ERRORS).glob("*.md")) if path.stem != "README"]
    parts = [(root / README).read_text(encoding="utf-8").rstrip(), _ERRORS]
    parts += [_section(path) for path in pages]
    return "\n\n".join(parts) + "\n"


def _section(page: Path) -> str:
    """A page of its own as a part of a longer one: headings two deeper, links to other pages as their names."""
    title, _, text = page.read_text(encoding="utf-8").partition("\n")
    text = _LINK.sub(r"\1", _HEADING.sub("####", text.partition("All pages:")[0]))
    return f"### {page.stem}\n\n**{title.lstrip('# ')}**\n\n{text.strip()}"


def _with_dependencies(manifest: Mapping[str, Any], bundle: Sequence[Path]) -> bytes:
    """The manifest as the platform is to read it: with the wheels that it has to install."""
    entries = [{"module": wheel.name.split("-")[0], "input_file": place(wheel.name)} for wheel in bundle]
    complete = {**manifest, "pip313_dependencies": {"wheel": entries}}
    return (json.dumps(complete, indent=4, ensure_ascii=False) + "\n").encode()


def _archive(folder: str, members: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as compressed,
        tarfile.open(mode="w", fileobj=compressed, format=tarfile.USTAR_FORMAT) as archive,
    ):
        folders = {Path(folder, name).parent for name in members}
        folders |= {parent for path in folders for parent in path.parents if parent.parts}
        for path in sorted(folders):
            archive.addfile(_member(path.as_posix(), tarfile.DIRTYPE, 0o755))
        for name, octets in sorted(members.items()):
            member = _member(f"{folder}/{name}", tarfile.REGTYPE, 0o644)
            member.size = len(octets)
            archive.addfile(member, io.BytesIO(octets))
    return packed.getvalue()


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.mtime = kind, mode, MODIFIED
    return member


def main() -> int:
    try:
        bundle = wheels(bundled(ROOT / LOCK), ROOT / WHEELS)
    except WheelError as error:
        print(error, file=sys.stderr)
        return 1
    path = write(ROOT, ROOT / "dist", bundle)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1024 / 1024:.1f} MiB, {len(bundle)} wheels")
    return 0


if __name__ == "__main__":
    sys.exit(main())

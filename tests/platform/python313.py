"""CPython 3.13 as the platform has it: bare, with what the platform brings, and with the wheels of a package."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from tests.real.processes import ServerTrouble, run
from tests.support.archives import unpack
from tools.package import LOCK, ROOT
from tools.wheels import OF_THE_PLATFORM, pins, wheels

DEV_LOCK = Path("requirements", "dev.txt")
# The web server's own, besides what apps are told of.
DJANGO = frozenset(("django", "asgiref", "sqlparse"))


@cache
def python313() -> Path:
    """Raises `ServerTrouble` where there is none."""
    candidates = [shutil.which("python3.13"), *Path.home().glob(".pyenv/versions/3.13*/bin/python3.13")]
    for candidate in candidates:
        if candidate and _is_3_13(Path(candidate)):
            # a pyenv shim is a script that asks the environment which Python is meant: the platform's has none
            found = run([str(candidate), "-c", "import sys; print(sys.executable)"])
            return Path(found.strip())
    raise ServerTrouble("Python 3.13 was found neither on the path nor in ~/.pyenv/versions.")


def _is_3_13(python: Path) -> bool:
    program = "import sys; sys.exit(sys.version_info[:2] != (3, 13))"
    return subprocess.run([python, "-c", program], capture_output=True, check=False).returncode == 0


def brought_by_the_platform(folder: Path) -> Path:
    """A folder with the packages that the platform has, at the versions that are locked here."""
    names = OF_THE_PLATFORM | DJANGO
    wanted = {pin.name: pin for lock in (LOCK, DEV_LOCK) for pin in pins(ROOT / lock) if pin.name in names}
    found = wheels(list(wanted.values()), ROOT / ".local" / "wheels")
    return _installed(found, folder)


def brought_by_the_package(package: Path, folder: Path) -> Path:
    """A folder with the wheels that the package's manifest names, installed as they are, without an index."""
    with tarfile.open(package) as archive:
        unpack(archive, folder / "unpacked")
    (app,) = (folder / "unpacked").iterdir()
    manifest = json.loads((app / "connector.json").read_text())
    named = [app / entry["input_file"] for entry in manifest["pip313_dependencies"]["wheel"]]
    assert sorted(named) == sorted((app / "wheels").rglob("*.whl"))
    return _installed(named, folder / "installed")


def _installed(found: Iterable[Path], target: Path) -> Path:
    run(
        [*_pip(), "install", "--quiet", "--no-index", "--no-deps", f"--target={target}", *map(str, found)],
        seconds=180,
    )
    return target


def _pip() -> Sequence[str]:
    """This environment's pip, working for Python 3.13: that one may have none, and is to judge the wheels' tags."""
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python313())]

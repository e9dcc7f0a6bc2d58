"""The wheels that the platform installs with the app: pinned and hashed in requirements/, for its CPython 3.13."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

PYTHON = "3.13"
# The oldest glibc of the platform's systems has 2.28 (RHEL 8); a wheel for an older one runs there too.
PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)),
    "manylinux2014_x86_64",
    "manylinux2010_x86_64",
    "manylinux1_x86_64",
)
ABIS = ("cp313", "abi3", "none")

OF_THE_PLATFORM = frozenset(
    (
        "beautifulsoup4",
        "soupsieve",
        "parse",
        "python-dateutil",
        "six",
        "requests",
        "certifi",
        "charset-normalizer",
        "idna",
        "urllib3",
        "sh",
        "xmltodict",
    )
)
"""What the platform brings itself. A second copy could be found first by another app, so none is bundled."""

_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pin:
    """One distribution of a lock file: its normalised name, `name==version`, and the hashes that its files may have."""

    name: str
    requirement: str
    hashes: frozenset[str]


class WheelError(Exception):
    """The wheels could not be had. The message says why."""


def pins(lock: Path) -> tuple[Pin, ...]:
    """What `lock` (as `make lock` writes it) asks for on the platform: what its markers exclude there is left out."""
    target = {
        "python_version": PYTHON,
        "python_full_version": f"{PYTHON}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "platform_machine": "x86_64",
        "platform_system": "Linux",
        "sys_platform": "linux",
        "os_name": "posix",
    }
    found = []
    for entry in re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").replace("\\\n", " ")):
        if entry.lstrip().startswith("#") or not entry.strip():
            continue
        requirement = Requirement(entry.partition("--hash")[0].strip())
        if requirement.marker is None or requirement.marker.evaluate(target):
            exact = f"{requirement.name}{requirement.specifier}"
            found.append(Pin(canonicalize_name(requirement.name), exact, frozenset(_HASH.findall(entry))))
    return tuple(found)


def bundled(lock: Path) -> tuple[Pin, ...]:
    """What the package brings along."""
    return tuple(pin for pin in pins(lock) if pin.name not in OF_THE_PLATFORM)


def wheels(wanted: Sequence[Pin], folder: Path) -> tuple[Path, ...]:
    """One wheel for each of `wanted`, sorted by name: from `folder` if they are there already, else downloaded into it.

    Raises `WheelError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [pin for pin in wanted if _wheel_of(pin, folder) is None]
    if missing:
        _download(missing, folder)
    found = [(pin, _wheel_of(pin, folder)) for pin in wanted]
    absent = [pin.requirement for pin, wheel in found if wheel is None]
    if absent:
        raise WheelError(
            f"These came without a wheel of the hash that the lock file has: {', '.join(absent)}."
        )
    return tuple(sorted(wheel for _, wheel in found if wheel is not None))


def place(wheel: str) -> str:
    """Where a wheel of this file name lies in the package, by the Python that it is for."""
    _, _, _, tags = parse_wheel_filename(wheel)
    interpreters = {tag.interpreter for tag in tags}
    if "cp313" in interpreters:
        return f"wheels/py313/{wheel}"
    if {"py2", "py3"} <= interpreters:
        return f"wheels/shared/{wheel}"
    return f"wheels/py3/{wheel}"


def _wheel_of(pin: Pin, folder: Path) -> Path | None:
    for path in sorted(folder.glob("*.whl")):
        if parse_wheel_filename(path.name)[0] == pin.name:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if f"sha256:{digest}" in pin.hashes:
                return path
    return None


def _download(wanted: Iterable[Pin], folder: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        requirements = Path(temporary) / "requirements.txt"
        lines = (" ".join([pin.requirement, *(f"--hash={h}" for h in sorted(pin.hashes))]) for pin in wanted)
        requirements.write_text("\n".join(lines), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--require-hashes", "--only-binary=:all:", f"--requirement={requirements}"]
        command += ["--implementation=cp", f"--python-version={PYTHON}", f"--dest={folder}"]
        command += [f"--abi={abi}" for abi in ABIS] + [f"--platform={platform}" for platform in PLATFORMS]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WheelError(f"pip could not download the wheels:\n{done.stderr.strip()}")

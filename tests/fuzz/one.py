"""Fuzz one target in a process of its own: `python -m tests.fuzz.one TARGET SECONDS SEED FOLDER`.

Coverage-guided where atheris is installed (it has no build for every Python and machine), else by chance.
Ends with 0 when the time is up; an input that fails is left in FOLDER and the exit code is another.
"""

from __future__ import annotations

import importlib
import importlib.util
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MAX_LENGTH = 4096
HANG = 20
"""Seconds that no input may take."""
MEMORY = 1024
"""MiB that no input may make the process take."""
PACKAGES = ("smtp", "message", "auth", "actions", "host")


def guided(atheris: Any, target: str, seconds: float, seed: int, folder: Path) -> None:
    """libFuzzer's loop; it ends the process."""
    with atheris.instrument_imports(include=list(PACKAGES)):
        from tests.fuzz.targets import TARGETS, corpus
    seeds = folder / "corpus"
    seeds.mkdir(exist_ok=True)
    for number, octets in enumerate(corpus(target)):
        (seeds / f"{number:04}").write_bytes(octets)
    options = {
        "max_total_time": max(1, round(seconds)),
        "seed": seed,
        "max_len": MAX_LENGTH,
        "timeout": HANG,
        "rss_limit_mb": MEMORY,
        "artifact_prefix": f"{folder}/",
        "print_final_stats": 1,
    }
    arguments = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([sys.argv[0], *arguments, str(seeds)], TARGETS[target])
    atheris.Fuzz()


def by_chance(target: str, seconds: float, seed: int, folder: Path) -> None:
    """The kept inputs, cut, crossed and changed."""
    import faulthandler

    from tests.fuzz.targets import TARGETS, corpus

    chance, known = random.Random(seed), corpus(target)
    started, runs = time.monotonic(), 0
    while time.monotonic() < started + seconds:
        octets = changed(chance, known)[:MAX_LENGTH]
        (folder / "last").write_bytes(octets)
        faulthandler.dump_traceback_later(HANG, exit=True)
        TARGETS[target](octets)
        runs += 1
    (folder / "last").unlink(missing_ok=True)
    faulthandler.cancel_dump_traceback_later()
    sys.stderr.write(f"Done {runs} runs\n")


def changed(chance: random.Random, known: Sequence[bytes]) -> bytes:
    """One of the inputs with pieces of others, and a few octets of its own."""
    octets = bytearray(chance.choice(known))
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(octets))
        match chance.randrange(5):
            case 0:
                del octets[at : at + chance.randint(1, 8)]
            case 1:
                octets[at:at] = bytes((chance.randrange(256),))
            case 2:
                other = chance.choice(known)
                start = chance.randint(0, len(other))
                octets[at:at] = other[start : start + chance.randint(1, 64)]
            case 3:
                octets[at : at + 1] = bytes((chance.choice(b"\0\t\r\n \"'(),.:;<=>@[\\]\xff&-"),))
            case _:
                octets[at:at] = octets[at : at + chance.randint(1, 32)] * chance.randint(1, 4)
    return bytes(octets)


def main(target: str, seconds: str, seed: str, folder: str) -> None:
    if importlib.util.find_spec("atheris"):
        guided(importlib.import_module("atheris"), target, float(seconds), int(seed), Path(folder))
    else:
        by_chance(target, float(seconds), int(seed), Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:5])

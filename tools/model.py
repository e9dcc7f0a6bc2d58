"""Checks docs/model/delivery.pml with SPIN, in every order of every step: `python -m tools.model`.

The model has to be without a fault, and each of its mutants, which lack one rule, has to have one. Needs `spin` and a C
compiler (Debian: spin, gcc). The exit code is 1 when something is not as it has to be, 2 when a program is missing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

MODEL = Path(__file__).resolve().parent.parent / "docs" / "model" / "delivery.pml"
COMPILER = ("gcc", "-w", "-O2", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=4096", "-o", "pan", "pan.c")
SECONDS = 1800


def main() -> int:
    for program in ("spin", "gcc"):
        if shutil.which(program) is None:
            print(f"{program} is missing. On Debian: apt-get install spin gcc.", file=sys.stderr)
            return 2
    mutants = sorted(set(re.findall(r"MUTANT_[A-Z_]+[A-Z]", MODEL.read_text(encoding="utf-8"))))
    is_right = _faults("") == 0
    for mutant in mutants:
        is_right = (_faults(mutant) > 0) and is_right
    print("As it has to be." if is_right else "Not as it has to be.")
    return 0 if is_right else 1


def _faults(mutant: str) -> int:
    """How many faults SPIN finds in the model, or in this mutant of it; it ends with the first. Prints what it did."""
    with tempfile.TemporaryDirectory() as folder:
        _run(folder, "spin", "-a", *([f"-D{mutant}"] if mutant else []), str(MODEL))
        _run(folder, *COMPILER)
        said = _run(folder, "./pan", "-m100000")
    errors = re.search(r"errors: (\d+)", said)
    states = re.search(r"(\d+) states, stored", said)
    if errors is None or states is None or "max search depth too small" in said or "out of memory" in said:
        raise RuntimeError(f"SPIN did not come to an end:\n{said[-2000:]}")
    which = re.search(r"pan:1: (.*)", said)
    found = f"a fault: {which[1]}" if which else "no fault"
    print(f"{mutant or 'the model'}: {int(states[1]):,} states, {found}", flush=True)
    return int(errors[1])


class Replay:
    """The model compiled once, to be given what happened as data: see REPLAY in the model. Used inside a `with`."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        _run(self._folder.name, "spin", "-DREPLAY", "-a", str(MODEL))
        _run(self._folder.name, *COMPILER)
        return self

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()

    def fault(self, trace: Sequence[int]) -> str:
        """What of it can't be by the model; "" where all of it can."""
        path = Path(self._folder.name, "trace")
        path.write_text(" ".join(map(str, trace)), encoding="ascii")
        said = _run(self._folder.name, "./pan", "-m100000", TRACE=str(path))
        errors = re.search(r"errors: (\d+)", said)
        if errors is None:
            raise RuntimeError(f"The model did not take the trace:\n{said[-2000:]}")
        which = re.search(r"pan:1: (.*)", said)
        return which[1] if which else "" if errors[1] == "0" else "a fault"


def _run(folder: str, *command: str, **variables: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())

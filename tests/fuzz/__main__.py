"""Fuzz everything: `python -m tests.fuzz [SECONDS] [SEED] [TARGET …]`; seed 0, or none, is another one each time.

The seconds are shared among the targets, two of which run at a time. Exit code 1 when an input has failed: it is
shown as a line that goes into the target's file in `corpus/`, where it stays a test once the fault is mended.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.one import HANG
from tests.fuzz.targets import TARGETS, as_line

AT_A_TIME = 2
SECONDS = 60.0
QUICK = frozenset({"certificates", "challenges", "redirects", "replies", "token-answers"})
"""They see hundreds of thousands of inputs in the time of a few thousand of the others, and get less of it."""
_RUNS = re.compile(r"^(?:Done (\d+) runs|stat::number_of_executed_units: +(\d+))", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Found:
    """How one target fared: `said` is how an input failed, "" if none did."""

    target: str
    runs: int
    inputs: tuple[bytes, ...]
    said: str


def fuzzed(target: str, seconds: float, seed: int) -> Found:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "tests.fuzz.one", target, str(seconds), str(seed), name]
        try:
            done = subprocess.run(command, capture_output=True, timeout=seconds + 6 * HANG, check=False)
            code, trouble, said = done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            code, trouble, said = 1, b"it did not end", ""
        inputs = tuple(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())
    runs = sum(int(one or other) for one, other in _RUNS.findall(said)[-1:])
    # atheris writes the exception to standard output, libFuzzer all else to standard error
    why = trouble.decode("utf-8", "replace").strip() or said[-2000:].strip()
    return Found(target, runs, inputs, why if code or inputs else "")


def all_fuzzed(targets: Sequence[str], seconds: float, seed: int) -> Iterator[Found]:
    shares = {target: 1 if target in QUICK else 3 for target in targets}
    unit = seconds * AT_A_TIME / sum(shares.values())
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        yield from threads.map(lambda target: fuzzed(target, unit * shares[target], seed), targets)


def main(arguments: Sequence[str]) -> int:
    """Print a line for each target, what failed, and at last the sums."""
    seconds = float(arguments[0]) if arguments else SECONDS
    seed = int(arguments[1]) if len(arguments) > 1 else 0
    seed = seed or random.SystemRandom().randrange(1, 2**31)
    runs = findings = 0
    for found in all_fuzzed(arguments[2:] or tuple(TARGETS), seconds, seed):
        runs += found.runs
        _say(f"{found.target}: {found.runs} executions{', one failed' if found.said else ''}")
        findings += bool(found.said)
        for line in (
            found.said,
            *(f"{found.target}.txt: {as_line(each)}" for each in found.inputs),
        ):
            _say(line)
    _say(f"seed={seed} executions={runs} findings={findings}")
    return 1 if findings or not runs else 0


def _say(text: str) -> None:
    if text:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

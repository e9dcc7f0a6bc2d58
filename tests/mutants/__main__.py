"""Mutation testing: `python -m tests.mutants [MODULE …]`. Exit code 1 when fewer than 90 of 100 mutants are killed.

Each mutant is imported in place of its module, in a process of its own, and the tests of that module are run until
one fails. What takes too long counts as killed: a test would have noticed.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import MappingProxyType, ModuleType

import hypothesis
import nh3  # noqa: F401 - loaded once, before the processes part
import pytest

from tests.mutants.mutate import Mutant, mutants

ROOT = Path(__file__).parents[2]
AT_A_TIME = 2
LONGER = 3
"""How many times as long as without a mutant, and seconds more, the tests of one may take."""
ENOUGH = 0.9
TESTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "smtp.state": (
            "tests/smtp/test_state.py",
            "tests/smtp/test_engine.py",
            "tests/smtp/test_session.py",
            "tests/smtp/test_out_of_step.py",
        ),
        "smtp.content": ("tests/smtp/test_content.py",),
        "auth.choose": ("tests/auth/test_choose.py",),
        "message.html.sanitise": ("tests/message/test_kept_markup.py", "tests/message/test_html.py"),
        "message.html.markup": (
            "tests/message/test_markup.py",
            "tests/message/test_html.py",
            "tests/message/test_rendering.py",
        ),
    }
)


class _Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports `name` from `source`."""

    def __init__(self, name: str, source: str) -> None:
        self._name, self._source = name, source

    def find_spec(self, name: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, f"<a mutant of {self._name}>", "exec"), module.__dict__)


def killed(name: str, sources: Sequence[str], seconds: float) -> list[bool]:
    """For each source whether a test fails when `name` is imported from it."""
    waiting, running, found = list(enumerate(sources)), dict[int, int](), [False] * len(sources)
    while waiting or running:
        while waiting and len(running) < AT_A_TIME:
            index, source = waiting.pop(0)
            child = os.fork()
            if child == 0:
                os._exit(_tested(name, source, seconds))
            running[child] = index
        child, status = os.wait()
        found[running.pop(child)] = status != 0
    return found


def _tested(name: str, source: str, seconds: float) -> int:
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123 - a device, not a path
        for stream in (0, 1, 2):
            os.dup2(nothing.fileno(), stream)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    sys.meta_path.insert(0, _Instead(name, source))
    options = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    return int(pytest.main([*options, *TESTS[name]]))


def survivors(name: str) -> tuple[int, list[Mutant]]:
    """How many mutants there are, and those that no test noticed. Raises `SystemExit` if a test fails as it is."""
    source = (ROOT / f"{name.replace('.', '/')}.py").read_text("utf-8")
    started = time.monotonic()
    if killed(name, [source], 600) == [True]:
        raise SystemExit(f"{name}: its tests fail without a mutant")
    seconds = LONGER * (1 + time.monotonic() - started)
    made = list(mutants(source))
    dead = killed(name, [mutant.source for mutant in made], seconds)
    return len(made), [mutant for mutant, is_dead in zip(made, dead, strict=True) if not is_dead]


def _lines(names: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """What to say, and whether it is well."""
    for name in names:
        count, alive = survivors(name)
        for mutant in alive:
            yield f"{name}:{mutant.line}: {mutant.what}", True
        share = (count - len(alive)) / count
        yield f"{name}: {count - len(alive)} of {count} mutants killed ({share:.1%})", share >= ENOUGH


def main(arguments: Sequence[str]) -> int:
    os.chdir(ROOT)
    # That an example fails is enough: it need not be made smaller, nor be remembered.
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutants", phases=phases, database=None)
    hypothesis.settings.load_profile("mutants")
    is_well = True
    for line, well in _lines(arguments or tuple(TESTS)):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        is_well &= well
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

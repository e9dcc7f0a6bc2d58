"""The trace counts calls of functions of ours, and nothing else."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from tools.trace import ROOT, traced

PROGRAM = """
import json
def leaf(): return json.dumps([1])
def numbers():
    yield 1
    yield 2
def walk():
    leaf(); leaf()
    return sum(numbers())
def comprehend():
    return [[n for n in (1, 2)], {n for n in (1, 2)}, {n: n for n in (1, 2)}, list(n for n in (1, 2))]
"""


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    (tmp_path / "room").mkdir()
    path = tmp_path / "room" / "walked.py"
    path.write_text(PROGRAM)
    spec = importlib.util.spec_from_file_location("walked", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_calls_functions_and_files_are_counted(module: ModuleType, tmp_path: Path) -> None:
    trace = traced(module.walk, tmp_path)
    # walk once, leaf twice, and the generator for its two values and its end
    assert trace.summary() == "6 calls of 3 functions in 1 files"
    assert trace.files == {"room/walked.py"}
    assert trace.by_room() == {"room": 6}


def test_a_comprehension_counts_with_its_function_and_a_generator_expression_for_itself(
    module: ModuleType, tmp_path: Path
) -> None:
    trace = traced(module.comprehend, tmp_path)
    # comprehend once, and the generator expression for its two values and its end, on every version of Python
    assert trace.summary() == "4 calls of 2 functions in 1 files"


def test_what_a_library_does_is_not_counted(module: ModuleType, tmp_path: Path) -> None:
    trace = traced(lambda: json.dumps({"a": [1, 2]}, indent=2), tmp_path)
    assert trace.calls.total() == 0


def test_a_thread_that_the_work_begins_is_counted(module: ModuleType, tmp_path: Path) -> None:
    def work() -> None:
        thread = threading.Thread(target=module.leaf)
        thread.start()
        thread.join()

    assert traced(work, tmp_path).calls.total() == 1


def test_nothing_is_counted_after_the_work_even_if_it_failed(module: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        traced(lambda: 1 / 0, tmp_path)
    assert sys.getprofile() is None


def test_a_mail_is_sent_and_its_way_shown() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.trace", "--rooms"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    summary, *rooms = done.stdout.splitlines()
    calls, functions, files = (int(number.replace(",", "")) for number in re.findall(r"[\d,]+", summary))
    # Half of the calls, and 60 % of the functions, that there were when this was first counted: 2,233 and 449 in 59.
    assert calls <= 1116
    assert functions <= 269
    assert files <= 42
    counted = {line.split()[1]: int(line.split()[0].replace(",", "")) for line in rooms}
    assert {"smtp_connector.py", "host", "actions", "delivery", "auth", "message", "smtp"} <= set(counted)
    assert calls == sum(counted.values())
    assert not {"tests", "tools", "benchmarks"} & set(counted)

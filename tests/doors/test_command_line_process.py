"""The command line as a process: streams that end early, signals, terminals, and how little a plain mail loads."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doors.cli.terminal import PROGRAM as NAME
from tests.host.processes import ROOT
from tests.support.scripted import ScriptedServer, Settings

# The command line over an action that waits as long as its parameters say.
PROGRAM = """
import sys, time, types
import actions
from actions.contract import Report
from delivery.pool import Pool
from doors.cli.command_line import main

class Parameters:
    parse = dict

def run(values, context, transport):
    context.progress("begun " + values["to"])
    context.sent(1_500_000, 3_000_000)
    until = time.monotonic() + float(values["body"])
    while time.monotonic() < until and not context.is_cancelled():
        time.sleep(0.01)
    cancelled = context.is_cancelled()
    return Report(not cancelled, "cancelled" if cancelled else "x" * 100_000)

name = actions.__name__ + ".send_email"
sys.modules[name] = action = types.ModuleType(name)
action.Parameters, action.run = Parameters, run
sys.exit(main(sys.argv[1:], Pool()))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "asset.json").write_text('{"server": "mail.example.com"}')
    # Buffered, as it is for whoever runs it: what can't be written any more shows when the process ends.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return {**inherited, "SMTP_CONNECTOR_HOME": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Any]:
    processes = []

    def begin(seconds: float, **settings: Any) -> subprocess.Popen[bytes]:
        sets = json.dumps([{"to": "jane@example.com", "body": str(seconds)}])
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "run", "send email", "--asset", "asset.json", "--params", sets],
            cwd=tmp_path,
            env=environment,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings},
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_still_gets_the_result(start: Any, number: signal.Signals) -> None:
    process = start(60)
    assert process.stderr.readline() == b"begun jane@example.com\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    result = json.loads(out)
    assert (process.returncode, result["status"], result["message"]) == (1, "failed", "cancelled")
    assert b"Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_after_the_run_lets_the_result_out(start: Any, number: signal.Signals) -> None:
    process = start(0)
    first = os.read(process.stdout.fileno(), 1)  # the result is larger than a pipe: the rest waits to be read
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, json.loads(first + out)["status"]) == (0, "success")
    assert b"Traceback" not in err


def test_a_second_signal_is_not_passed_over(start: Any) -> None:
    process = start(0)
    os.read(process.stdout.fileno(), 1)
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == -signal.SIGTERM


# Before the first of these the interpreter itself is starting, and an interruption is told by it.
@pytest.mark.parametrize("module", ["actions.contract", "delivery.pool", "smtp.errors", "doors.cli"])
def test_an_interruption_while_it_is_being_loaded_shows_no_traceback_of_ours(
    environment: dict[str, str], module: str
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-v", str(ROOT / "smtp_connector.py"), "runs", "list"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert any(line.startswith(f"import '{module}'".encode()) for line in process.stderr)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert b"Traceback" not in err
    assert b"Interrupted" in err or process.returncode == 0


def test_an_interruption_while_it_learns_to_handle_one_shows_no_traceback(
    environment: dict[str, str],
) -> None:
    program = f"""
import builtins, runpy

load = builtins.__import__
def interrupted(name, *arguments):
    if name == "signal":
        raise KeyboardInterrupt
    return load(name, *arguments)
builtins.__import__ = interrupted
runpy.run_path({str(ROOT / "smtp_connector.py")!r}, run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (1, b"smtp_connector.py: Interrupted.\n")


def test_a_reader_that_goes_away_is_no_failure(start: Any, tmp_path: Path) -> None:
    process = start(0.2)
    process.stdout.close()
    assert process.stderr.read() == b"begun jane@example.com\n"
    assert process.wait(30) == 0


def test_a_full_standard_output_is_told(start: Any) -> None:
    with Path("/dev/full").open("wb") as full:
        process = start(0, stdout=full)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.endswith(f"{NAME}: Standard output can't be written: No space left on device.\n".encode())


@pytest.mark.parametrize("closed", [1, 2])
def test_closed_streams_do_not_stop_a_run(
    start: Any, tmp_path: Path, environment: dict[str, str], closed: int
) -> None:
    process = start(0, preexec_fn=lambda: os.close(closed))
    out, err = process.communicate(timeout=30)
    assert b"Traceback" not in err
    if closed == 2:
        assert (process.returncode, json.loads(out)["status"]) == (0, "success")
    else:
        assert (process.returncode, err.splitlines()[-1]) == (
            1,
            f"{NAME}: Standard output is closed.".encode(),
        )


def at_a_terminal(start: Any, folder: Path) -> tuple[dict[str, Any], str]:
    """The result, and what somebody saw who watched."""
    terminal, end = pty.openpty()
    with (folder / "out").open("wb") as out:
        process = start(0.3, stderr=end, stdout=out)
    os.close(end)
    seen = b""
    with contextlib.suppress(OSError):  # that is how reading a terminal ends
        while chunk := os.read(terminal, 65536):
            seen += chunk
    os.close(terminal)
    process.wait(30)
    return json.loads((folder / "out").read_bytes()), seen.decode()


def test_a_terminal_gets_colours_and_the_result_stays_json(
    start: Any, tmp_path: Path, environment: dict[str, str]
) -> None:
    environment.update(TERM="xterm-256color", COLUMNS="100")
    environment.pop("NO_COLOR", None)
    result, seen = at_a_terminal(start, tmp_path)
    assert result["status"] == "success"
    assert "begun jane@example.com" in seen
    assert "\x1b[1;32m✓" in seen


def test_a_terminal_sees_a_large_message_leave(
    start: Any, tmp_path: Path, environment: dict[str, str]
) -> None:
    environment.update(TERM="xterm-256color", COLUMNS="100", NO_COLOR="1")
    _, seen = at_a_terminal(start, tmp_path)
    assert "Sending 3,000,000 octets" in seen
    assert " 50%" in seen


def test_a_terminal_that_goes_away_does_not_stop_a_run(
    start: Any, tmp_path: Path, environment: dict[str, str]
) -> None:
    environment.update(TERM="xterm-256color")
    terminal, end = pty.openpty()
    process = start(0.5, stderr=end)
    os.close(end)
    os.read(terminal, 1)
    os.close(terminal)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, json.loads(out)["status"]) == (0, "success")


def test_no_color_is_obeyed(start: Any, tmp_path: Path, environment: dict[str, str]) -> None:
    environment.update(TERM="xterm-256color", COLUMNS="100", NO_COLOR="1")
    _, seen = at_a_terminal(start, tmp_path)
    assert "✓" in seen
    assert "\x1b[1;32m" not in seen
    assert "\x1b[32m" not in seen


def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(
    start: Any, tmp_path: Path, environment: dict[str, str]
) -> None:
    environment.update(TERM="dumb")
    assert at_a_terminal(start, tmp_path)[1] == "begun jane@example.com\r\n"


def test_help_can_be_read_in_an_old_locale(tmp_path: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--help"],
        cwd=tmp_path,
        env={**environment, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "examples:" in done.stdout


HEAVY = frozenset(
    (
        "sqlalchemy",
        "alembic",
        "mako",
        "rich",
        "requests",
        "msal",
        "jsonschema",
        "filelock",
        "grpc",
        "yaml",
        "starlette",
        "uvicorn",
        "google.protobuf",
    )
)


def test_a_run_loads_nothing_that_it_does_not_need(tmp_path: Path, environment: dict[str, str]) -> None:
    call = ["run", "send email", "--asset", "asset.json", "--params", '{"to": "a@example.com", "body": "0"}']
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", PROGRAM, *call],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert done.returncode == 0
    assert "doors.cli.command_line" in imported
    assert imported & HEAVY == set()
    assert (tmp_path / "data" / "store.db").exists()


def python(environment: dict[str, str], code: str, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *argv],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


HTML_MAIL = '{"to": "a@b.example", "html_body": "<b>x</b>"}'


def test_an_old_python_is_told(environment: dict[str, str]) -> None:
    code = (
        "import runpy, sys; sys.version_info = (3, 10, 13, 'final', 0); sys.argv = ['x', 'runs', 'list'];"
        f"runpy.run_path({str(ROOT / 'smtp_connector.py')!r}, run_name='__main__')"
    )
    done = python(environment, code)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "smtp_connector.py: Python 3.11 or newer is needed; this is 3.10.13.\n"


def test_every_python_since_2_7_can_read_the_script_so_far_that_it_is_told() -> None:
    """An interpreter reads the whole file first: a word that it does not know would be a SyntaxError."""
    script = ROOT / "smtp_connector.py"
    tree = ast.parse(script.read_text(encoding="ascii"), feature_version=(3, 3))
    for node in ast.walk(tree):
        assert not isinstance(
            node, ast.JoinedStr | ast.AnnAssign | ast.Nonlocal | ast.Starred | ast.YieldFrom
        )
        assert not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
        assert not (isinstance(node, ast.Raise) and node.cause)
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None
            assert not node.args.kwonlyargs
            assert [one.arg for one in node.args.args if one.annotation] == []
    for python in old_interpreters():
        done = subprocess.run([python, script, "demo"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        told = "smtp_connector.py: Python 3.11 or newer is needed; this is [23][.0-9]+\n"
        assert re.fullmatch(told, done.stderr), done.stderr


def old_interpreters() -> Iterator[str]:
    """Those of this machine: pyenv's, and what the path has."""
    asked = "import sys; sys.exit(sys.version_info >= (3, 11))"
    for version in ("2.7", *(f"3.{minor}" for minor in range(5, 11))):
        pyenv = Path.home() / ".pyenv" / "versions"
        for found in (shutil.which(f"python{version}"), *pyenv.glob(f"{version}.*/bin/python{version}")):
            if found and subprocess.run([found, "-c", asked], capture_output=True).returncode == 0:
                yield str(found)


@pytest.mark.parametrize(
    ("module", "argv"),
    [
        ("sqlalchemy", ("asset", "list")),
        (
            "nh3",
            (
                "run",
                "send htmlemail",
                "--asset",
                "-",
                "--params",
                '{"to": "a@b.example", "html_body": "<b>x</b>"}',
            ),
        ),
        ("idna", ("send", "--asset", "asset.json", "--to", "jane@straße.example", "--body", "x")),
        ("rich", ("demo",)),
    ],
)
def test_a_dependency_that_is_missing_is_told(
    tmp_path: Path, environment: dict[str, str], module: str, argv: tuple[str, ...]
) -> None:
    (tmp_path / "asset.json").write_text('{"server": "localhost", "sender_address": "a@b.example"}')
    argv = tuple(str(tmp_path / "asset.json") if one in ("-", "asset.json") else one for one in argv)
    code = (
        f"import runpy, sys; sys.modules[{module!r}] = None; sys.argv[0] = 'smtp_connector.py';"
        f"runpy.run_path({str(ROOT / 'smtp_connector.py')!r}, run_name='__main__')"
    )
    done = python(environment, code, *argv)
    assert done.returncode == 2, done.stderr
    assert f"The Python module {module}" in done.stderr
    assert "is missing: install the connector's dependencies." in done.stderr
    assert "Traceback" not in done.stderr
    assert "unexpected" not in done.stderr


def modules_loaded_by(arguments: list[str], folder: Path, environment: dict[str, str]) -> set[str]:
    """The names of all modules, those of the installed package as they are called in a checkout."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    named = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "import time:" in line]
    return {name.removeprefix("smtp_connector.") for name in named}


def test_a_plain_mail_loads_nothing_that_it_does_not_need(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with ScriptedServer(Settings()) as server:
        asset = {
            "server": "127.0.0.1",
            "port": server.port,
            "ssl_config": "None",
            "sender_address": "a@b.example",
        }
        (tmp_path / "asset.json").write_text(json.dumps({**asset, "auth_type": "Passwordless"}))
        mail = '{"to": "jane@example.com", "body": "x"}'
        call = ("run", "send email", "--asset", "asset.json", "--params", mail)
        loaded = modules_loaded_by([str(ROOT / "smtp_connector.py"), *call], tmp_path, environment)
    loaded -= modules_loaded_by(
        ["-c", "pass"], tmp_path, environment
    )  # the environment's own are none of ours
    assert {"sqlite3", "message.draft"} <= loaded
    # The first two alone take as long as all that is sent; the others are for help, archives, HTML and TLS.
    needless = {
        "dataclasses",
        "inspect",
        "shutil",
        "textwrap",
        "html",
        "tempfile",
        "email",
        "smtp.pem",
        "asyncio",
    }
    libraries = {
        "sqlalchemy",
        "alembic",
        "jsonschema",
        "msal",
        "requests",
        "jinja2",
        "nh3",
        "rich",
        "starlette",
    }
    assert not loaded & (needless | libraries | {"delivery.side_by_side", "delivery.certificates"})

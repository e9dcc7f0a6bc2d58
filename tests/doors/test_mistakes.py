"""What a newcomer gets wrong, and what is closed or full around the program: a line that helps, and the right code."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doors.cli.command_line import main
from doors.cli.terminal import PROGRAM, Terminal
from host.local.home import HOME_VARIABLE
from smtp_connector import POOL
from tests.host.processes import ROOT
from tests.support.catcher import Catcher

SCRIPT = ROOT / "smtp_connector.py"
SEND = ("send", "--asset", "asset.json", "--to", "jane@example.com", "--subject", "S")
MAIL = (*SEND, "--body", "x")


@pytest.fixture
def server() -> Iterator[Catcher]:
    with Catcher() as running:
        yield running


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Catcher) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    fields = {
        "server": server.host,
        "port": server.port,
        "ssl_config": "None",
        "sender_address": "soc@example.com",
    }
    (tmp_path / "asset.json").write_text(json.dumps(fields))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.json").mkdir()
    return tmp_path


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*argv: str) -> tuple[int, str, str]:
        code = main(argv, POOL)
        return code, *capsys.readouterr()

    return run


def process(
    *argv: str | bytes, shell: str = '"$@"', **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """The script as a process, below a shell that closes or redirects its streams."""
    command = ["/bin/sh", "-c", shell, "sh", sys.executable, str(SCRIPT), *argv]
    return subprocess.run(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )


ACTION = ("run", "send email", "--asset", "asset.json", "--params")


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("send", "--asset", "asset.json", "--body", "x"), "the following arguments are required: --to"),
        (("send", "--asset", "./folder", *MAIL[3:]), "'./folder' is a folder; a JSON file is expected."),
        (
            ("send", "--asset", "folder.json", *MAIL[3:]),
            "'folder.json' is a folder; a JSON file is expected.",
        ),
        (("send", "--asset", "./gone", *MAIL[3:]), "There is no file './gone'."),
        ((*MAIL, "--attach", "folder"), "'folder' is a folder; attach the files in it one by one"),
        (
            (*ACTION, "gone.json"),
            "'gone.json' is neither a JSON file, nor -, nor a JSON object or list of objects.",
        ),
        ((*ACTION, "./folder"), "'./folder' is a folder; a JSON file is expected."),
        (
            (*ACTION, "to=jane"),
            "'to=jane' is neither a JSON file, nor -, nor a JSON object or list of objects.",
        ),
        (
            ("--verbose", *MAIL),
            f"'--verbose' is where a command has to be ({PROGRAM} --help explains)",
        ),
        (("asset.json",), "asset.json names no action, so it is no test file: identifier is missing."),
        (("asset", "add", "prod.json", "--config", "asset.json"), "can't be an asset's name"),
        (("asset", "show", "half\udcfc"), "argument NAME: 'half\\udcfc' is not text in UTF-8"),
        (("send", "--asset", "half\udcfc", *MAIL[3:]), "There is no stored asset 'half\\udcfc'."),
        ((*SEND, "--body", "Gr\udcfc\udcdfe"), "argument --body: 'Gr\\udcfc\\udcdfe' is not text in UTF-8"),
        ((*MAIL, "--header", "X: \udcfc"), "argument --header: 'X: \\udcfc' is not text in UTF-8"),
        ((*ACTION, '{"to": "\udcfc"}'), "What stands after --params is not UTF-8 at octet 8."),
    ],
)
def test_a_wrong_call_is_a_line_that_says_what_is_wrong(
    call: Any, server: Catcher, argv: tuple[str, ...], told: str
) -> None:
    code, out, err = call(*argv)
    assert (code, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1
    assert not server.messages


def test_a_name_that_is_no_text_is_no_stored_asset_either(call: Any) -> None:
    assert call("asset", "add", "prod", "--config", "asset.json")[0] == 0
    code, _, err = call("send", "--asset", "half\udcfc", *MAIL[3:])
    assert code == 2
    assert "There is no asset 'half\\udcfc'. Stored are: prod." in err


@pytest.mark.parametrize("value", ["@promt", "@evn:PASSWORD", "@"])
def test_a_misspelt_source_of_a_secret_is_not_taken_for_the_secret(call: Any, value: str) -> None:
    assert call("asset", "add", "prod", "--config", "asset.json")[0] == 0
    code, _, err = call("asset", "set", "prod", f"password={value}", "username=u")
    assert code == 2
    assert "password: after @ stands one of env:NAME, file:PATH, keyring:SERVICE/NAME and prompt" in err
    assert "username" not in json.loads(call("asset", "show", "prod")[1])["config"]


def test_a_mail_without_text_is_sent_with_a_warning(call: Any, server: Catcher, folder: Path) -> None:
    (folder / "empty.txt").touch()
    (folder / "a.txt").write_text("x")
    for argv in (SEND, (*SEND, "--body-file", "empty.txt"), (*SEND, "--body", " \n")):
        code, _, err = call(*argv)
        assert code == 0
        assert "warning: The mail has no text." in err.splitlines()
    code, _, err = call(*SEND, "--attach", "a.txt")
    assert (code, "warning" in err) == (0, False)
    assert len(server.messages) == 4


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ((*SEND, "--body-file", "-"), "Standard input is closed."),
        ((*ACTION, "-"), "Standard input is closed."),
        (("run", "send email", "--asset", "-", "--params", "{}"), "Standard input is closed."),
        (
            ("asset", "set", "prod", "password=@prompt"),
            "password can't be asked for: standard input is closed.",
        ),
        (
            ("serve", "--make-user", "ann"),
            "Password can't be asked for: standard input is closed.",
        ),
        (
            ("relay", "--make-account", "ann"),
            "Password can't be asked for: standard input is closed.",
        ),
    ],
)
def test_what_is_to_come_from_a_closed_standard_input_is_told(
    call: Any, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...], told: str
) -> None:
    assert call("asset", "add", "prod", "--config", "asset.json")[0] == 0
    monkeypatch.setattr(sys, "stdin", None)
    code, out, err = call(*argv)
    assert (code, out) == (2, "")
    assert err.endswith(f": {told}\n")


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (("asset", "set", "prod", "password=@prompt"), "password"),
        (("serve", "--make-user", "ann"), "Password"),
        (("relay", "--make-account", "ann"), "Password"),
    ],
)
def test_a_secret_that_nobody_types_is_told(
    call: Any, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...], name: str
) -> None:
    """At a terminal: the end of input (Ctrl-D), two that differ; elsewhere what is no text."""

    class AtTerminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def ended(_prompt: str) -> str:
        raise EOFError

    assert call("asset", "add", "prod", "--config", "asset.json")[0] == 0
    monkeypatch.setattr(sys, "stdin", AtTerminal())
    monkeypatch.setattr("getpass.getpass", ended)
    assert call(*argv)[::2] == (2, f"{PROGRAM}: {name}: nothing was given.\n")
    if name == "Password":
        typed = iter(["correct horse battery", "correct horse batterie"])
        monkeypatch.setattr("getpass.getpass", lambda _prompt: next(typed))
        code, _, err = call(*argv)
        assert (code, err) == (2, f"{PROGRAM}: Password: the two are not the same; nothing was changed.\n")
    for encoding, errors in (("utf-8", "strict"), ("ascii", "surrogateescape")):
        piped = io.TextIOWrapper(io.BytesIO(b"\xff\xfe canary\n"), encoding, errors)
        monkeypatch.setattr(sys, "stdin", piped)
        assert call(*argv)[::2] == (2, f"{PROGRAM}: {name}: what was given is not text in {encoding}.\n")


@pytest.mark.parametrize(
    "argv",
    [
        ("asset", "add", "x", "password=canary"),
        ("asset", "set", "prod", "server=a", "--password=canary"),
        ("asset", "add", "x", "--password", "canary"),
        ("asset", "add", "x", "--config", '{"server": "a", "password": "canary"}'),
        ("run", "send email", "--asset", '{"server": "a", "password": "canary"}', "--params", "{}"),
        ("relay", "--destinations", "x", "--connectivity", '{"clientsecret": "canary"}'),
        ("dapr", "--resources", ".", "--secrets", '{"name": "canary"}'),
    ],
)
def test_a_secret_at_the_wrong_place_of_the_command_line_is_not_repeated(
    call: Any, folder: Path, argv: tuple[str, ...]
) -> None:
    (folder / "x").write_text("Name: a\n")
    assert call("asset", "add", "prod", "--config", "asset.json")[0] == 0
    code, out, err = call(*argv)
    assert (code, out) == (2, "")
    assert "canary" not in err


@pytest.mark.parametrize("asked", ["--version", "--help"])
def test_help_and_version_that_cannot_be_written_are_told(asked: str) -> None:
    full = process(asked, shell='"$@" >/dev/full')
    assert full.returncode == 1
    assert full.stderr.endswith(b"Standard output can't be written: No space left on device.\n")
    closed = process(asked, shell='"$@" >&-')
    assert closed.returncode == 1
    assert closed.stderr.endswith(b": Standard output is closed.\n")
    read = process(asked, shell='"$@" | head -n 1')
    assert (read.returncode, read.stderr) == (0, b"")
    assert PROGRAM.encode() in read.stdout


OLD_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_a_mail_is_written_in_utf_8_whatever_the_locale(server: Catcher) -> None:
    argv = (
        "send",
        "--asset",
        "asset.json",
        "--to",
        "Jané <jane@example.com>",
        "--subject",
        "Grüße",
        "--body",
        "€",
    )
    done = process(*(part.encode() for part in argv), **OLD_LOCALE)
    assert done.returncode == 0, done.stderr
    (mail,) = server.messages
    assert "=?utf-8?" in mail.content.decode("latin-1")
    assert b"\xe2\x82\xac" in mail.content or b"4oKs" in mail.content or b"=E2=82=AC" in mail.content


def test_the_demo_works_in_an_old_locale() -> None:
    done = process("demo", **OLD_LOCALE)
    assert done.returncode == 0, done.stderr
    assert b"checks passed. Nothing was left behind." in done.stdout


def test_a_data_folder_that_fails_during_a_run_is_a_wrong_configuration(call: Any, folder: Path) -> None:
    assert call(*MAIL)[0] == 0
    slots = folder / "data" / "slots"
    for path in slots.iterdir():
        path.unlink()
    slots.rmdir()
    slots.touch()
    code, out, err = call(*MAIL, "--quiet")
    assert code == 2
    assert json.loads(out)["result_data"][0]["data"][0]["outcome"] == "not sent"
    assert len(err.splitlines()) == 1
    assert "slots can't be made" in err


def test_a_setting_that_is_misspelt_is_told(
    call: Any, monkeypatch: pytest.MonkeyPatch, server: Catcher
) -> None:
    monkeypatch.setenv("SMTP_CONNECTOR_RECORD", "ful")
    code, out, err = call(*MAIL, "--quiet")
    assert (code, out) == (2, "")
    assert err.endswith("SMTP_CONNECTOR_RECORD is 'ful': give full, or leave it empty.\n")
    assert not server.messages


@pytest.mark.parametrize("command", ["send", "preview", "send --dry-run"])
def test_a_missing_library_is_a_wrong_configuration(command: str) -> None:
    Path("mail.html").write_text("<p>x</p>")
    name, *more = command.split()
    argv = [name, "--asset", "asset.json", "--to", "a@b.example", "--html", "mail.html", *more]
    code = (
        f"import runpy, sys; sys.modules['nh3'] = None; sys.argv = ['smtp_connector.py', *{argv!r}];"
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert "The Python module nh3 is missing: install the connector's dependencies." in done.stderr


def test_too_little_memory_is_told_as_such(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("doors.cli.command_line.inputs.asset", none_left)
    code, _, err = call(*MAIL)
    assert code == 2
    assert err.endswith(": There is not enough memory: give the process more, or send smaller mails.\n")


def test_only_a_file_that_holds_the_secret_is_warned_about(
    call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "asset.json").chmod(0o644)
    monkeypatch.setattr(sys, "stdin", io.StringIO("typed\n"))
    prompt = ("--set", "username=u", "--set", "password=@prompt", "--set", "allow_plaintext_auth=true")
    code, _, err = call("asset", "add", "prompted", "--config", "asset.json", *prompt)
    assert (code, err) == (0, "")
    fields = {**json.loads((folder / "asset.json").read_text()), "username": "u", "password": "p"}
    (folder / "asset.json").write_text(json.dumps(fields))
    code, _, err = call("asset", "add", "open", "--config", "asset.json")
    assert (code, err.strip()) == (
        0,
        "warning: asset.json holds a secret, and others can read it: chmod 600 asset.json",
    )


@pytest.mark.parametrize("typed", ["", "\n"])
def test_a_prompt_that_gets_nothing_says_so(call: Any, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    assert call("asset", "add", "prod", "--config", "asset.json")[0] == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert call("asset", "set", "prod", "password=@prompt")[2].endswith(": password: nothing was given.\n")


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_without_colours_gets_none(
    call: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setattr(Terminal, "prints_to_a_person", True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert call(*MAIL)[1].startswith("\x1b[1;32m✓\x1b[0m Email sent")
    monkeypatch.setenv(name, value)
    assert call(*MAIL)[1].startswith("✓ Email sent")


def test_one_recipient_is_one(call: Any) -> None:
    assert call("preview", *MAIL[1:])[1].splitlines()[-1].startswith("1 recipient, ")

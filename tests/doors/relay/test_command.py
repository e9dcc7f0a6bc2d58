"""`relay` as people start it: a process, its announcement, its signals, and what it refuses to begin with."""

from __future__ import annotations

import json
import os
import re
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest

from delivery.pool import Pool
from doors.cli.command_line import main
from tests.support.catcher import Catcher
from tests.support.relays import PATIENCE, asset_file

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    """The process, its announcement, and its port."""
    command = [sys.executable, str(ROOT / "smtp_connector.py"), "relay", *arguments]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline().strip()
            match = re.search(r"listening on 127\.0\.0\.1:(\d+) for ", line)
            yield process, line, int(match[1]) if match else 0
        finally:
            process.kill()


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code of a relay that does not begin, and what it said."""
    code = main(["relay", *arguments], Pool())
    return code, capsys.readouterr().err.strip()


def test_it_announces_itself_relays_and_ends_at_sigterm(tmp_path: Path) -> None:
    with (
        Catcher() as server,
        started("--asset", asset_file(tmp_path, port=server.port), "--listen", "127.0.0.1:0") as (
            process,
            line,
            port,
        ),
    ):
        assert line == f"listening on 127.0.0.1:{port} for prod"
        with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as client:
            client.sendmail("a@x.test", ["b@x.test"], b"Subject: x\r\n\r\nx\r\n")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert "1 of 1 recipients" in said
        assert "Traceback" not in said
        assert len(server.messages) == 1


def test_it_logs_as_json_where_a_service_wants_that(tmp_path: Path) -> None:
    asset = asset_file(tmp_path, port=9)
    with started("--asset", asset, "--listen", "127.0.0.1:0", "--log-format", "json") as (_, line, _port):
        assert line.startswith("{")
        assert '"message": "listening on 127.0.0.1:' in line


def test_several_destinations_and_networks_are_named_one_behind_the_other(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "b.json"
    folder.mkdir()
    for path, name in ((folder / "a.json", "a"), (file, "b")):
        path.write_text(json.dumps({"Name": name, "Type": "MAIL", "mail.smtp.host": "127.0.0.1"}))
    networks = ("--allow", "127.0.0.1", "192.0.2.0/24", "--allow", "2001:db8::/32")
    paths = ("--destinations", str(folder), str(file))
    with started(*paths, *networks, "--listen", "127.0.0.1:0") as (process, line, port):
        assert process.stderr is not None
        assert line == f"listening on 127.0.0.1:{port} for a"
        assert re.fullmatch(r"listening on 127\.0\.0\.1:\d+ for b\n", process.stderr.readline())


@pytest.mark.parametrize("host", ["0.0.0.0:0", "[::]:0"])
def test_a_listener_that_others_can_reach_does_not_start_for_everybody(
    host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = refused(capsys, "--asset", asset_file(tmp_path, port=9), "--listen", host)
    assert code == 2
    assert "--allow NETWORK or --accounts FILE" in said


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--listen", "127.0.0.1:99999"), "--listen"),
        (("--listen", "nonsense:"), "--listen"),
        (("--listen", "localhost:9"), "has this relay itself as its mail server"),
        (("--allow", "everybody"), "--allow"),
        (("--accounts", "/nowhere"), "/nowhere can't be read"),
        (("--tls-cert", "/nowhere"), "--tls-cert /nowhere"),
        (("--tls-key", "/nowhere"), "without --tls-cert"),
    ],
)
def test_what_can_not_be_used_is_one_line_and_exit_code_2(
    options: tuple[str, ...], part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = refused(capsys, "--asset", asset_file(tmp_path, port=9), *options)
    assert code == 2
    assert part in said
    assert len(said.splitlines()) == 1


def test_a_relay_is_not_its_own_fallback_either(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asset = asset_file(tmp_path, port=9, fallback_servers="mail.example.com, localhost:11")
    code, said = refused(capsys, "--asset", asset, "--listen", "127.0.0.1:11")
    assert (code, "has this relay itself as its mail server: localhost:11" in said) == (2, True)


def test_an_account_is_made_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("secret-canary\n"))
    assert main(["relay", "--make-account", "ann"], Pool()) == 0
    said = capsys.readouterr()
    assert said.out.startswith("ann:$argon2id$")
    assert "secret-canary" not in said.out + said.err


@pytest.mark.parametrize(("name", "password"), [("a:b", "x"), ("#a", "x"), ("", "x"), ("ann", "")])
def test_what_can_be_no_account_is_refused(
    name: str, password: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(f"{password}\n"))
    assert refused(capsys, "--make-account", name)[0] == 2

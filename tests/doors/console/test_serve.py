"""What `serve` and `token` say on the command line, and when they don't begin."""

from __future__ import annotations

import io
import socket
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from delivery.pool import Pool
from doors.cli.command_line import main
from doors.console.serve import Options, _address
from host.local.home import HOME_VARIABLE, Home
from host.local.people.database import PeopleDatabase
from host.local.people.roles import Role
from host.local.people.tokens import Tokens
from host.local.people.users import Users
from tests.support.authority import authority


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PeopleDatabase:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return PeopleDatabase(Home().folder)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "make a user first"),
        (["--behind-proxy", "https://mail.example.com"], "make a user first"),
        (["--tls-cert", "cert.pem"], "belong together"),
        (["--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.pem"], "can't be used"),
        (["--behind-proxy", "mail.example.com"], "--behind-proxy is the address"),
        (["--port", "99999"], "is not a port"),
        (["--host", "203.0.113.7"], "can't be listened on"),
        (["--host", "a..b"], "a..b:0 can't be listened on"),
        (["--host", "a" * 70], "can't be listened on"),
        (["--oidc-secret", "secret-canary"], "--oidc-secret names the file that holds the secret"),
    ],
)
def test_what_can_t_be_served_is_one_line_and_exit_code_2(
    people: PeopleDatabase, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["serve", "--port", "0", *arguments], Pool()) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert len(told.err.splitlines()) == 1
    assert "canary" not in told.err
    assert told.out == ""


def test_a_locked_key_is_named_and_its_password_not_asked_for(
    people: PeopleDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    issued = authority().issue("localhost")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"opener"),
    )
    (tmp_path / "key.pem").write_bytes(locked)
    (tmp_path / "cert.pem").write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
    files = ["--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")]
    assert main(["serve", "--port", "0", *files], Pool()) == 2
    assert "or the key is locked" in capsys.readouterr().err


def test_what_goes_wrong_once_the_console_listens_is_not_blamed_on_its_address(
    people: PeopleDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryDirectory", full)
    assert main(["serve", "--port", "0", "--catch"], Pool()) == 2
    told = capsys.readouterr().err
    assert "The sample asset can't be made." in told
    assert "listened on" not in told


def test_with_a_user_others_still_need_tls(
    people: PeopleDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    Users(people).add("jane", "correct horse battery", Role.ADMINISTRATOR)
    assert main(["serve", "--host", "0.0.0.0", "--port", "0"], Pool()) == 2
    assert "would cross the network in clear" in capsys.readouterr().err


def test_a_port_that_is_taken_is_named(people: PeopleDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["serve", "--port", port], Pool()) == 2
    assert f"127.0.0.1:{port} can't be listened on: address already in use. Choose" in capsys.readouterr().err


def test_a_user_is_made_with_the_password_of_standard_input(
    people: PeopleDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    assert main(["serve", "--make-user", "jane"], Pool()) == 0
    person = Users(people).check("Jane", "correct horse battery")
    assert person is not None
    assert person.role is Role.ADMINISTRATOR
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert main(["serve", "--make-user", "john"], Pool()) == 2
    assert "at least 10 characters" in capsys.readouterr().err


def test_a_user_without_a_password_is_told_apart_and_signs_in_nowhere_here(
    people: PeopleDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["serve", "--make-user", "jane"], Pool()) == 0
    assert "without a password, who can sign in with OpenID Connect only" in capsys.readouterr().err
    assert Users(people).check("jane", "") is None


def test_a_token_is_printed_once_and_kept_as_its_hash(
    people: PeopleDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", "--name", "robot", "--days", "7"], Pool()) == 0
    text = capsys.readouterr().out.strip()
    person = Tokens(people).find(text)
    assert person is not None
    assert person.name == "token robot"
    assert text.encode() not in people.path.read_bytes()
    assert main(["token", "--days", "0"], Pool()) == 2


def test_the_names_of_a_console_are_its_own(people: PeopleDatabase, tmp_path: Path) -> None:
    assert _address(Options(port=1), 8025).hosts == {"127.0.0.1:8025", "localhost:8025", "[::1]:8025"}
    proxied = _address(Options(behind_proxy="https://mail.example.com"), 8025)
    assert (proxied.url, proxied.hosts, proxied.cookie) == (
        "https://mail.example.com",
        {"mail.example.com"},
        "__Host-session",
    )

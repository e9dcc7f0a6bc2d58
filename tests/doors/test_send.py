"""`send`: a mail without JSON, through the same actions, to a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from doors.cli.command_line import main
from doors.cli.terminal import PROGRAM
from host.local.home import HOME_VARIABLE, Home
from smtp_connector import POOL
from tests.support.catcher import Catcher
from tests.support.scripted.server import closed_port


@pytest.fixture
def server() -> Iterator[Catcher]:
    with Catcher() as running:
        yield running


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Catcher) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    server.write_asset(tmp_path / "asset.json")
    return tmp_path


@pytest.fixture
def send(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*argv: str) -> tuple[int, str, str]:
        code = main(["send", "--asset", "asset.json", *argv], POOL)
        return code, *capsys.readouterr()

    return run


def arrived(server: Catcher) -> EmailMessage:
    message = BytesParser(policy=policy.default).parsebytes(server.messages[-1].content)
    assert isinstance(message, EmailMessage)
    return message


def test_a_mail_in_one_line(send: Any, server: Catcher) -> None:
    code, out, err = send("--to", "jane@example.com", "--subject", "Grüße", "--body", "Hello")
    assert (code, json.loads(out)["message"]) == (0, "Email sent")
    assert (arrived(server)["Subject"], arrived(server).get_content().strip()) == ("Grüße", "Hello")
    assert "Connecting to" in err


def test_every_address_option_can_be_given_again(send: Any, server: Catcher) -> None:
    to = ("--to", "a@example.com", "--to", "b@example.com, c@example.com")
    code, *_ = send(*to, "--cc", "d@example.com", "--bcc", "e@example.com", "--from", "me@example.com")
    assert code == 0
    assert server.messages[-1].rcpt_tos == tuple(f"{letter}@example.com" for letter in "abcde")
    assert (arrived(server)["From"], arrived(server)["Bcc"]) == ("me@example.com", None)


def test_files_are_attached_and_leave_nothing_in_the_vault(send: Any, server: Catcher, folder: Path) -> None:
    (folder / "a.pdf").write_bytes(b"%PDF")
    (folder / "b.txt").write_text("hello")
    code, *_ = send("--to", "jane@example.com", "--attach", "a.pdf", "--attach", "b.txt")
    assert code == 0
    assert [part.get_filename() for part in arrived(server).iter_attachments()] == ["a.pdf", "b.txt"]
    assert Home().vault.list() == ()
    assert not [path for path in (folder / "data" / "vault").rglob("*") if path.is_file()]


def test_a_file_that_the_vault_had_before_stays(send: Any, folder: Path) -> None:
    (folder / "a.pdf").write_bytes(b"%PDF")
    kept = Home().vault.add(folder / "a.pdf", "7", "other.pdf")
    assert send("--to", "jane@example.com", "--attach", "a.pdf")[0] == 0
    (record,) = Home().vault.list()
    assert (record.vault_id, record.name) == (kept.vault_id, "other.pdf")
    assert record.path.read_bytes() == b"%PDF"


def test_html_with_what_it_shows(send: Any, server: Catcher, folder: Path) -> None:
    (folder / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "mail.html").write_text('<p>Hello <img src="cid:logo"></p>')
    code, *_ = send(
        "--to", "j@example.com", "--html", "mail.html", "--inline", "logo=logo.png", "--body", "Hi"
    )
    assert code == 0
    kinds = [part.get_content_type() for part in arrived(server).walk() if not part.is_multipart()]
    assert kinds == ["text/plain", "text/html", "image/png"]


def test_headers_and_a_body_from_a_file(send: Any, server: Catcher, folder: Path) -> None:
    (folder / "body.txt").write_text("from a file\n")
    given = ("--header", "X-Ticket: 17", "--header", "X-Tag: a", "--header", "X-Tag: b")
    assert send("--to", "j@example.com", "--body-file", "body.txt", *given)[0] == 0
    assert (arrived(server)["X-Ticket"], arrived(server).get_all("X-Tag")) == ("17", ["a", "b"])
    assert arrived(server).get_content().splitlines() == ["from a file"]


def test_the_dialogue_is_shown_when_it_is_asked_for(send: Any) -> None:
    _, _, err = send("--to", "j@example.com", "--body", "canary", "--transcript", "--quiet")
    assert "C: RCPT TO:<j@example.com>" in err
    assert "S: 354 " in err or "C: BDAT " in err
    assert "canary" not in err
    assert "Connecting to" not in err


def test_a_quiet_failure_still_has_its_line(send: Any, folder: Path) -> None:
    config = json.loads((folder / "asset.json").read_text())
    (folder / "asset.json").write_text(json.dumps({**config, "port": closed_port()}))
    code, out, err = send("--to", "j@example.com", "--body", "x", "--quiet")
    assert code == 1
    assert err.startswith(f"{PROGRAM}: Nothing was sent, at step connection")
    assert err.count("\n") == 1
    assert json.loads(out)["status"] == "failed"


def test_lines_for_services_are_json(send: Any) -> None:
    _, _, err = send("--to", "j@example.com", "--body", "x", "--log-format", "json")
    lines = [json.loads(line) for line in err.splitlines()]
    assert {line["level"] for line in lines} == {"info"}
    assert all(line["time"] and line["message"] for line in lines)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--attach", "nowhere.pdf"], "There is no file 'nowhere.pdf' to attach."),
        (["--body-file", "nowhere.txt"], "'nowhere.txt' can't be read: No such file or directory."),
        (["--inline", "logo.png"], "write CONTENT-ID=PATH"),
        (["--inline", "logo=asset.json"], "give the HTML with --html FILE"),
        (["--header", "no colon"], "write 'Name: value'"),
        (["--html", "latin1.html"], "is not text in UTF-8"),
        (["--body", "x", "--body-file", "asset.json"], "not allowed with argument"),
    ],
)
def test_what_can_not_be_understood_is_one_line_and_nothing_is_sent(
    send: Any, server: Catcher, folder: Path, argv: list[str], said: str
) -> None:
    (folder / "latin1.html").write_bytes(b"<p>\xfc")
    code, out, err = send("--to", "jane@example.com", *argv)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not server.messages


def test_nothing_of_a_mail_is_in_a_file_of_the_data_folder(send: Any, folder: Path) -> None:
    (folder / "a.txt").write_text("marker-file")
    for body in ("marker-body", "marker-body " * 2000):
        mail = ("--to", "jane@example.com", "--bcc", "marker-bcc@example.com", "--subject", "marker-subject")
        code, *_ = send(*mail, "--body", body, "--attach", "a.txt")
        assert code == 0
    files = [path for path in (folder / "data").rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if b"marker" in path.read_bytes().lower()] == []

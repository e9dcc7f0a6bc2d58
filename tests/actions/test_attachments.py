"""Files from the vault: found, named, typed, sent byte for byte, and never missing without a word."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.mail import Mail, sound
from tests.support.running import Runner, asset
from tests.support.scripted import ScriptedServer, Settings

TO = "jane@example.com"
MESSAGE = b"From: a@example.com\r\nSubject: inner\r\n\r\nHello\r\n"


def mail(run: Runner, catcher: Catcher, inbox: Inbox, attachments: Any) -> Mail:
    """The message that was sent with these attachments."""
    result = run(
        "send_email", asset(catcher), {"to": TO, "body": "See attached.", "attachments": attachments}
    )
    assert result.message == "Email sent"
    return sound(inbox.only)


@pytest.mark.parametrize("nothing", ["", " ", "[]", " [ ] ", '[""]', ",", []])
def test_a_list_without_a_vault_id_attaches_nothing(
    run: Runner, catcher: Catcher, inbox: Inbox, nothing: Any
) -> None:
    assert mail(run, catcher, inbox, nothing).text.strip() == "See attached."


@pytest.mark.parametrize(
    ("name", "content", "content_type"),
    [
        ("report.pdf", bytes(range(256)) * 300, "application/pdf"),
        ("pixel.png", b"\x89PNG\r\n\x1a\n\0", "image/png"),
        ("empty.bin", b"", "application/octet-stream"),
        ("log.txt", b"bare\nlf\r\nmixed\rcr \xe9 not utf-8\n", "text/plain"),
        ("page.html", b"<html><script>alert(1)</script>\n", "text/html"),
        ("data.csv", "größe;ü\n".encode("latin-1"), "text/csv"),
        ("no extension", b"x", "application/octet-stream"),
        ("archive.tar.gz", b"\x1f\x8b", "application/octet-stream"),
        ("dots.txt", b".\r\n..\r\n.\n", "text/plain"),
        ("three.bin", b"x" * 57 * 3, "application/octet-stream"),
    ],
)
def test_a_file_keeps_its_name_and_its_bytes_whatever_its_type(
    run: Runner, catcher: Catcher, inbox: Inbox, name: str, content: bytes, content_type: str
) -> None:
    vault_id = run.add_to_vault(name, content)
    sent = mail(run, catcher, inbox, vault_id)
    text, file = sent.leaves
    assert text.text == "See attached."
    assert (file.name, file.data, file.content_type) == (name, content, content_type)
    assert file.disposition == "attachment"


@pytest.mark.parametrize(
    "name",
    [
        "Übersicht.txt",
        "日本語のファイル名がとても長い" * 5 + ".pdf",
        "emoji 😀.txt",
        'quote".txt',
        "semi;colon, comma.txt",
        "percent%20.txt",
        "single'quote.txt",
        "=?utf-8?q?x?=.txt",
        "a" * 200 + ".txt",
    ],
)
def test_any_name_reads_back(run: Runner, catcher: Catcher, inbox: Inbox, name: str) -> None:
    sent = mail(run, catcher, inbox, run.add_to_vault(name, b"x"))
    assert sent.leaves[1].name == name


def test_a_name_that_is_not_ascii_is_written_as_rfc_2231_says(
    run: Runner, catcher: Catcher, inbox: Inbox
) -> None:
    sent = mail(run, catcher, inbox, run.add_to_vault("Zoë.txt", b"x"))
    assert b"filename*=utf-8''Zo%C3%AB.txt" in sent.content


@pytest.mark.parametrize("form", ["{0},{1}", " {0} , {1} ,", "list", "json"])
def test_several_come_in_their_order(run: Runner, catcher: Catcher, inbox: Inbox, form: str) -> None:
    ids = [run.add_to_vault("one.txt", b"1"), run.add_to_vault("two.txt", b"2")]
    forms = {"list": ids, "json": f'["{ids[0]}", "{ids[1]}"]'}
    sent = mail(run, catcher, inbox, forms.get(form, form.format(*ids)))
    assert [leaf.name for leaf in sent.leaves[1:]] == ["one.txt", "two.txt"]
    assert sent.structure == ("mixed", ["plain", "plain", "plain"])


def test_an_id_may_be_written_in_capitals(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    assert mail(run, catcher, inbox, run.add_to_vault("a.txt", b"x").upper()).leaves[1].name == "a.txt"


def test_with_html_the_files_stand_around_the_alternative(
    run: Runner, catcher: Catcher, inbox: Inbox
) -> None:
    vault_id = run.add_to_vault("a.pdf", b"x")
    result = run("send_email", asset(catcher), {"to": TO, "body": "<html>Hi</html>", "attachments": vault_id})
    assert result.succeeded
    assert sound(inbox.only).structure == ("mixed", [("alternative", ["plain", "html"]), "pdf"])


def test_the_result_names_each_file(run: Runner, catcher: Catcher) -> None:
    content = os.urandom(300_000)
    vault_id = run.add_to_vault("blob.bin", content)
    result = run("send_email", asset(catcher), {"to": TO, "body": "x", "attachments": vault_id})
    digest = hashlib.sha256(content).hexdigest()
    assert vault_id == hashlib.sha1(content).hexdigest()
    assert result.data["attachments"] == [
        {"vault_id": vault_id, "name": "blob.bin", "size": 300_000, "sha256": digest}
    ]


def test_a_file_is_looked_for_in_the_container_first_and_then_anywhere(
    run: Runner, catcher: Catcher, inbox: Inbox
) -> None:
    vault_id = run.add_to_vault("in-7.txt", b"same", container_id="7")
    run.add_to_vault("in-8.txt", b"same", container_id="8")
    names = []
    for container in ("7", "8", "9"):
        parameters = {"to": TO, "body": "x", "attachments": vault_id}
        run("send_email", asset(catcher), parameters, container_id=container)
        names.append(sound(inbox.messages[-1]).leaves[1].name)
    assert names == ["in-7.txt", "in-8.txt", "in-8.txt"]


class TestMessages:
    def test_one_that_survives_goes_as_a_message(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        sent = mail(run, catcher, inbox, run.add_to_vault("fwd.eml", MESSAGE))
        assert sent.structure == ("mixed", ["plain", "rfc822"])
        assert b"\r\n\r\n" + MESSAGE + b"\r\n--" in sent.content

    @pytest.mark.parametrize(
        "content",
        [
            MESSAGE.replace(b"\r\n", b"\n"),
            b"not a message at all",
            MESSAGE + b"x" * 1000,
            MESSAGE + b"\0",
            MESSAGE + b"bare \r cr",
            b"",
        ],
    )
    def test_one_that_does_not_goes_as_octets(
        self, run: Runner, catcher: Catcher, inbox: Inbox, content: bytes
    ) -> None:
        sent = mail(run, catcher, inbox, run.add_to_vault("fwd.eml", content))
        file = sent.leaves[1]
        assert (file.content_type, file.data) == ("application/octet-stream", content)
        assert (file.name, file.encoding) == ("fwd.eml", "base64")

    def test_8_bit_octets_need_a_server_that_takes_them(
        self, run: Runner, catcher: Catcher, simple_catcher: Catcher, inbox: Inbox, simple_inbox: Inbox
    ) -> None:
        content = MESSAGE + "Grüße\r\n".encode()
        vault_id = run.add_to_vault("fwd.eml", content)
        assert mail(run, catcher, inbox, vault_id).structure == ("mixed", ["plain", "rfc822"])
        assert content in inbox.only.content
        assert mail(run, simple_catcher, simple_inbox, vault_id).leaves[1].data == content


class TestMissingFiles:
    def test_every_one_is_named_and_nothing_is_sent(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        good = run.add_to_vault("good.txt", b"x")
        bad = ["0" * 40, "f" * 40, "not-an-id", "../../etc/passwd"]
        attachments = ",".join([bad[0], good, *bad[1:]])
        result = run("send_email", asset(catcher), {"to": TO, "body": "x", "attachments": attachments})
        assert not result.succeeded
        assert result.message.count("attachments: ") == 4
        assert all(one in result.message for one in bad)
        assert good not in result.message
        assert inbox.is_empty

    def test_faults_of_files_and_of_the_rest_are_told_together(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        parameters = {"to": "nobody", "body": "\0", "subject": "a\nb", "attachments": "0" * 40}
        message = run("send_email", asset(catcher), parameters).message
        assert all(name in message for name in ("to: ", "body: ", "subject: ", "attachments: "))
        assert inbox.is_empty

    def test_a_list_without_end_is_answered_in_few_words(self, run: Runner, catcher: Catcher) -> None:
        ids = ",".join(f"{number:040x}" for number in range(3000))
        message = run("send_email", asset(catcher), {"to": TO, "body": "x", "attachments": ids}).message
        assert f"{0:040x}" in message
        assert "2900 more" in message
        assert len(message) < 20_000

    def test_a_file_that_vanished(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        vault_id = run.add_to_vault("gone.txt", b"x")
        run.vault_file(vault_id).unlink()
        result = run("send_email", asset(catcher), {"to": TO, "body": "x", "attachments": vault_id})
        assert vault_id in result.message
        assert "no such file" in result.message.lower()
        assert inbox.is_empty

    def test_a_file_that_is_no_longer_what_was_added(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        vault_id = run.add_to_vault("changed.txt", b"as it was")
        run.vault_file(vault_id).write_bytes(b"longer than it was")
        result = run("send_email", asset(catcher), {"to": TO, "body": "x", "attachments": vault_id})
        assert vault_id in result.message
        assert inbox.is_empty


class TestFilesThatChangeOnTheWay:
    """Between the moment when they are looked up and the moment when they are sent."""

    @pytest.mark.parametrize("chunking", [True, False])
    @pytest.mark.parametrize("size", [100, 1_000_000])
    @pytest.mark.parametrize(
        "change",
        [
            lambda file: file.unlink(),
            lambda file: file.write_bytes(b""),
            lambda file: file.write_bytes(file.read_bytes()[:-1]),
            lambda file: file.write_bytes(file.read_bytes() + b"x"),
            lambda file: file.write_bytes(bytes(file.stat().st_size)),
            lambda file: file.chmod(0) if os.geteuid() else file.unlink(),
        ],
        ids=["gone", "empty", "shorter", "longer", "another", "unreadable"],
    )
    def test_nothing_is_sent_as_if_it_were_whole(
        self, run: Runner, change: Callable[[Path], object], size: int, chunking: bool
    ) -> None:
        vault_id = run.add_to_vault("report.bin", b"1" * size)

        def watch(text: str) -> None:
            if text.startswith("Connected to"):
                run.watch = lambda _: None
                change(run.vault_file(vault_id))

        run.watch = watch
        with ScriptedServer(Settings(chunking=chunking)) as server:
            parameters = {"to": TO, "body": "x", "attachments": vault_id}
            result = run("send_email", asset(server), parameters, {"to": TO, "body": "next"})
        first, second = result.results
        assert first["status"] == "failed"
        assert first["data"][0]["outcome"] == "not sent"
        assert "report.bin" in first["message"]
        assert vault_id in first["message"]
        assert second["status"] == "success"
        assert [b"report.bin" in message.content for message in server.log.accepted] == [False]

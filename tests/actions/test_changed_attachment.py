"""A vault file that becomes another one, or changes while it is read: its message is never completed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from actions import send_email
from actions.contract import Context
from delivery.attempt import Outgoing
from smtp_connector import SmtpConnector
from tests.actions.test_protection import DKIM
from tests.message.test_signing import RSA, certificate, pem
from tests.support.running import Run, Runner, asset
from tests.support.scripted import ScriptedServer, Settings

SIZE = 3_000_000
Change = Callable[[Path], object]


def exchange(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"x" * SIZE)
    other.replace(path)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def cut(path: Path) -> None:
    os.truncate(path, SIZE - 1)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def overwrite(path: Path) -> None:
    path.write_bytes(b"y" * SIZE)


def acted(run: Runner, server: ScriptedServer, change: Change, *, when_half_has_left: bool) -> Run:
    """Two mails, the first with a file, which changes once the connection is made or half of it has left."""
    vault_id = run.add_to_vault("report.bin", b"x" * SIZE)
    changes = [change]

    def make_change(due: bool) -> None:
        if due and changes:
            changes.pop()(run.vault_file(vault_id))

    connector = SmtpConnector()
    connector.show_progress = lambda text: make_change(
        not when_half_has_left and text.startswith("Connected")
    )
    connector.show_sent = lambda octets, size: make_change(when_half_has_left and octets > size / 2)
    order = {
        "identifier": "send_email",
        "config": asset(server),
        "parameters": [
            {"to": "ann@example.com", "body": "with it", "attachments": vault_id},
            {"to": "bob@example.com", "body": "without it"},
        ],
    }
    done = Run(json.loads(connector._handle_action(json.dumps(order), None)))
    assert changes == []
    return done


@pytest.mark.parametrize("chunking", [True, False], ids=["BDAT", "DATA"])
@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "in steps"])
@pytest.mark.parametrize(
    ("change", "when_half_has_left"),
    [(change, False) for change in (exchange, link, pipe, folder)]
    + [(change, True) for change in (cut, empty, grow, overwrite)],
    ids=["exchanged", "linked", "pipe", "folder", "cut", "emptied", "grown", "overwritten"],
)
def test_the_message_is_not_sent_and_the_next_one_is(
    run: Runner, change: Change, *, when_half_has_left: bool, chunking: bool, pipelining: bool
) -> None:
    with ScriptedServer(Settings(chunking=chunking, pipelining=pipelining)) as server:
        first, second = acted(run, server, change, when_half_has_left=when_half_has_left).results
    assert [entry.recipients for entry in server.log.accepted] == [("bob@example.com",)]
    assert server.log.violations == []
    assert (first["status"], second["status"]) == ("failed", "success")
    (data,) = first["data"]
    assert (data["outcome"], data["recipients"][0]["status"]) == ("not sent", "not tried")
    assert (data["failure"]["category"], data["failure"]["retryable"]) == ("content", False)
    assert first["message"].startswith("Nothing was sent")
    assert "'report.bin'" in first["message"]


PROTECTED: dict[str, dict[str, str]] = {
    "vouched for": DKIM,
    "signed": {
        "smime_certificate": certificate(RSA, "soc").decode(),
        "smime_key": pem(RSA, "canary-Mime}pa55word").decode(),
    },
    "encrypted": {
        "smime_recipients": json.dumps(
            {f"{name}@example.com": certificate(RSA, name).decode() for name in ("ann", "bob")}
        )
    },
}


@pytest.mark.parametrize("protection", PROTECTED)
@pytest.mark.parametrize("change", [exchange, link, pipe, Path.unlink], ids=lambda change: change.__name__)
def test_one_that_has_to_be_signed_or_encrypted_stops_its_own_mail_and_no_other(
    run: Runner, change: Change, protection: str
) -> None:
    """It is read before anything is written, while what was sent before it may still be unanswered."""
    vault_id = run.add_to_vault("report.bin", b"x" * SIZE)
    connector = SmtpConnector()
    connector.show_progress = lambda text: change(run.vault_file(vault_id)) if "Connected" in text else None
    mails = [
        {"to": "ann@example.com", "body": "before it"},
        {"to": "ann@example.com", "body": "with it", "attachments": vault_id},
        {"to": "bob@example.com", "body": "behind it"},
    ]
    with ScriptedServer(Settings()) as server:
        order = {
            "identifier": "send_email",
            "config": asset(server, **PROTECTED[protection]),
            "parameters": mails,
        }
        before, failed, after = Run(json.loads(connector._handle_action(json.dumps(order), None))).results
    assert len(server.log.accepted) == 2
    assert (before["message"], after["message"]) == ("Email sent", "Email sent")
    assert failed["message"].startswith("Nothing was sent: 'report.bin'")
    assert "mistake in the connector" not in failed["message"]
    (data,) = failed["data"]
    assert (data["outcome"], data["recipients"][0]["status"]) == ("not sent", "not tried")
    assert (data["failure"]["category"], data["failure"]["retryable"]) == ("content", False)


def test_one_that_an_idempotency_key_is_held_against_is_named_too(run: Runner) -> None:
    vault_id = run.add_to_vault("report.bin", b"x" * SIZE)
    connector = SmtpConnector()
    mail = {"to": "ann@example.com", "body": "with it", "attachments": vault_id, "idempotency_key": "k"}
    prepare = send_email.prepare

    def prepare_and_change(parameters: send_email.Parameters, context: Context) -> Outgoing:
        prepared = prepare(parameters, context)
        cut(run.vault_file(vault_id))
        return prepared

    with ScriptedServer(Settings()) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(send_email, "prepare", prepare_and_change)
        order = {"identifier": "send_email", "config": asset(server), "parameters": [mail]}
        done = Run(json.loads(connector._handle_action(json.dumps(order), None)))
    assert server.log.accepted == []
    assert done.message.startswith("Nothing was sent: 'report.bin'")
    assert "mistake in the connector" not in done.message

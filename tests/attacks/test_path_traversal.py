"""A vault id that is a path, and a vault file that is something else: only what was added can leave."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from host.local.files import ensure_key
from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.running import Runner, asset

TO = "a@example.com"
HEX = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    "vault_id",
    [
        "../secret.key",
        "../../../../etc/passwd",
        "/etc/passwd",
        "01/" + HEX,
        HEX + "/../x",
        HEX + "\0",
        HEX + "\0.txt",
        HEX[:39],
        HEX + "0",
        HEX[:39] + "g",
        "０" * 40,
        ".",
        "..",
        "%2e%2e%2fsecret.key",
        "file:///etc/passwd",
        "~/.ssh/id_rsa",
        "vault\\secret",
        "*",
        "' OR 1=1 --",
        HEX[:38] + "%%",
    ],
)
def test_an_id_is_forty_hexadecimal_digits_and_nothing_else(
    run: Runner, catcher: Catcher, inbox: Inbox, vault_id: str
) -> None:
    (run.home / "01").mkdir(parents=True)
    ensure_key(run.home)
    for action, parameters in (
        ("send_email", {"body": "x", "attachments": [vault_id]}),
        ("send_htmlemail", {"html_body": "x", "attachment1": vault_id}),
        ("send_htmlemail", {"html_body": "x", "attachment_json": [{"vault_id": vault_id}]}),
    ):
        result = run(action, asset(catcher), {"to": TO, **parameters})
        assert not result.succeeded
        assert "is not a vault id" in result.message
        assert result.message.isprintable()
    assert inbox.is_empty


def attempt(run: Runner, catcher: Catcher, vault_id: str) -> str:
    result = run("send_email", asset(catcher), {"to": TO, "body": "x", "attachments": vault_id})
    assert not result.succeeded
    assert vault_id in result.message
    return result.message


def test_a_link_in_place_of_a_file(run: Runner, catcher: Catcher, inbox: Inbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("0123456789")
    vault_id = run.add_to_vault("a.txt", b"0123456789")
    run.vault_file(vault_id).unlink()
    run.vault_file(vault_id).symlink_to(secret)
    attempt(run, catcher, vault_id)
    assert inbox.is_empty


def test_a_link_in_place_of_a_folder(run: Runner, catcher: Catcher, inbox: Inbox, tmp_path: Path) -> None:
    vault_id = run.add_to_vault("a.txt", b"0123456789")
    elsewhere = tmp_path / "elsewhere"
    run.vault_file(vault_id).parent.rename(elsewhere)
    run.vault_file(vault_id).parent.symlink_to(elsewhere)
    attempt(run, catcher, vault_id)
    assert inbox.is_empty


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_or_a_folder_in_place_of_a_file(
    run: Runner, catcher: Catcher, inbox: Inbox, make: object
) -> None:
    vault_id = run.add_to_vault("a.txt", b"")
    run.vault_file(vault_id).unlink()
    assert callable(make)
    make(run.vault_file(vault_id))
    attempt(run, catcher, vault_id)
    assert inbox.is_empty


@pytest.mark.parametrize(
    "name", ["../../evil.txt", "/etc/passwd", "C:\\Windows\\evil.txt", "..", "a/b\\c.txt"]
)
def test_a_file_name_leaves_without_its_folders(
    run: Runner, catcher: Catcher, inbox: Inbox, name: str
) -> None:
    vault_id = run.add_to_vault(name, b"x")
    result = run("send_email", asset(catcher), {"to": TO, "body": "x", "attachments": vault_id})
    assert result.message == "Email sent"
    (attached,) = result.data["attachments"]
    assert not set(attached["name"]) & set("/\\")
    assert attached["name"] not in ("", ".", "..")
    assert f'filename="{attached["name"]}"'.encode() in inbox.only.content


@pytest.mark.parametrize(
    "identifier", ["../actions/send_email", "send_email.py", "os", "sending", "send_email\0", "__main__"]
)
def test_an_action_is_one_of_the_manifests(
    run: Runner, catcher: Catcher, inbox: Inbox, identifier: str
) -> None:
    done = run(identifier, asset(catcher), {"to": TO, "body": "x"})
    assert "There is no action" in done.document["message"]
    assert inbox.is_empty

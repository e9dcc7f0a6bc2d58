"""The command line against Postfix: a stored asset, a stored file, three actions, a record of each run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.real.certificates import Certificates
from tests.real.connector import asset, command
from tests.real.mailboxes import Delivered
from tests.real.people import ALICE, BLOCKED, BOB
from tests.real.postfix import Postfix, Service

SEED_EXAMPLES = (
    r"to:receiver@testdomain.com\nfrom:sender@testdomain.com\nsubject:Test\n\nThis is body text",
    r"to:receiver@testdomain.com\nfrom:sender@testdomain.com\nContent-type:text/html\nsubject:HTML Test\n\n"
    "<html><body><h2>This is test</h2><br>This is some üñîçøðé data.</body></html>",
    r"to:receiver1@testdomain.com,receiver2@testdomain.com\nfrom:sender@testdomain.com\n"
    r"subject:CommaSeparated Recipients Test\n\nThis is test data.",
)


@pytest.fixture
def stored(postfix: Postfix, certificates: Certificates, tmp_path: Path) -> Path:
    """A data folder with the asset `mail`."""
    folder = tmp_path / "data"
    config = tmp_path / "asset.json"
    config.write_text(json.dumps(asset(postfix.port(Service(tls="starttls")), "starttls", certificates)))
    added = command("asset", "add", "mail", "--config", str(config), home=folder)
    assert added.code == 0, added.stderr
    return folder


def test_an_attachment_from_the_vault_arrives_and_the_run_is_recorded(
    stored: Path, postfix: Postfix, tmp_path: Path
) -> None:
    evidence = tmp_path / "evidence.txt"
    evidence.write_bytes("line\r\nno end ü".encode())
    vault_id = command("vault", "add", str(evidence), "--container", "12", home=stored).document["vault_id"]
    parameters = tmp_path / "parameters.json"
    parameters.write_text(
        json.dumps({"to": ALICE, "subject": "Evidence", "body": "Attached.", "attachments": vault_id})
    )
    arguments = ("--asset", "mail", "--params", str(parameters), "--container", "12")
    done = command("run", "send email", *arguments, home=stored)
    assert done.code == 0, done.stderr
    (result,) = done.document["result_data"]
    delivered = postfix.mailboxes.wait_for(ALICE, result["data"][0]["message_id"])
    assert delivered.parts[1] == ("text/plain", "evidence.txt", evidence.read_bytes())
    (run,) = command("runs", "list", home=stored).document
    shown = command("runs", "show", str(run["id"]), home=stored).document
    assert shown["status"] == "success"


def test_the_exit_code_is_one_when_any_set_failed_and_each_has_its_result(
    stored: Path, postfix: Postfix
) -> None:
    sets = [{"to": to, "subject": "Set", "body": "text"} for to in (ALICE, BLOCKED, BOB)]
    done = command(
        "run", "SEND_EMAIL", "--asset", "mail", "--params", "-", home=stored, stdin=json.dumps(sets)
    )
    assert done.code == 1
    assert [result["status"] for result in done.document["result_data"]] == ["success", "failed", "success"]
    assert done.document["result_summary"] == {"total_objects": 3, "total_objects_successful": 2}
    assert "Traceback" not in done.stderr
    last = done.document["result_data"][2]["data"][0]["message_id"]
    assert postfix.mailboxes.wait_for(BOB, last).message["Subject"] == "Set"


def _send_raw(stored: Path, postfix: Postfix, raw: str, *recipients: str) -> list[Delivered]:
    """What each recipient got. The examples have no Message-ID, and none is added: they are told by subject."""
    parameters = json.dumps({"raw_email": raw})
    done = command("run", "send rawemail", "--asset", "mail", "--params", parameters, home=stored)
    assert done.code == 0, done.stdout
    (data,) = done.document["result_data"][0]["data"]
    assert [recipient["address"] for recipient in data["recipients"]] == list(recipients)
    subject = raw.split(r"\n")[-3]
    return [postfix.mailboxes.wait_for(recipient, f"\n{subject}\n") for recipient in recipients]


def test_the_first_raw_example_arrives(stored: Path, postfix: Postfix) -> None:
    (delivered,) = _send_raw(stored, postfix, SEED_EXAMPLES[0], "receiver@testdomain.com")
    assert delivered.content.startswith(
        b"to:receiver@testdomain.com\r\nfrom:sender@testdomain.com\r\nsubject:Test\r\n"
    )
    assert delivered.content.endswith(b"\r\n\r\nThis is body text\r\n")


def test_the_second_raw_example_arrives_with_its_accents(stored: Path, postfix: Postfix) -> None:
    (delivered,) = _send_raw(stored, postfix, SEED_EXAMPLES[1], "receiver@testdomain.com")
    message = delivered.message
    assert message.get_content_type() == "text/html"
    assert message.get_content_charset() == "utf-8"
    assert "some üñîçøðé data.</body>" in message.get_content()


def test_the_third_raw_example_reaches_both(stored: Path, postfix: Postfix) -> None:
    both = ("receiver1@testdomain.com", "receiver2@testdomain.com")
    for delivered in _send_raw(stored, postfix, SEED_EXAMPLES[2], *both):
        assert delivered.message["Subject"] == "CommaSeparated Recipients Test"
        assert delivered.message.get_content().strip() == "This is test data."


def test_a_server_that_is_not_there_is_named(stored: Path, tmp_path: Path) -> None:
    config = tmp_path / "nowhere.json"
    config.write_text(json.dumps({"server": "localhost", "port": 10001, "ssl_config": "None"}))
    parameters = json.dumps({"from": ALICE, "to": ALICE, "subject": "x", "body": "x"})
    done = command("run", "send email", "--asset", str(config), "--params", parameters, home=stored)
    assert done.code == 1
    (data,) = done.document["result_data"][0]["data"]
    assert data["outcome"] == "not sent"
    assert "localhost:10001" in done.document["result_data"][0]["message"]
    assert "Traceback" not in done.stderr

"""`python smtp_connector.py run …`: the same actions in a process of their own, and its exit code."""

from __future__ import annotations

import json

import pytest

from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.mail import Mail, sound
from tests.support.running import Fields, Runner, asset

TO = "jane@example.com"
EXAMPLES = [
    r"to:receiver@testdomain.com\nfrom:sender@testdomain.com\nsubject:Test\n\nThis is body text",
    r"to:receiver@testdomain.com\nfrom:sender@testdomain.com\nContent-type:text/html\nsubject:HTML Test\n\n"
    "<html><body><h2>This is test</h2><br>This is some üñîçøðé data.</body></html>",
    r"to:receiver1@testdomain.com,receiver2@testdomain.com\nfrom:sender@testdomain.com\n"
    r"subject:CommaSeparated Recipients Test\n\nThis is test data.",
]


def test_the_raw_examples_of_the_stock_app_arrive(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    sets = json.dumps([{"raw_email": raw} for raw in EXAMPLES], ensure_ascii=False)
    done = run.command("run", "send rawemail", "--params", "-", stdin=sets, file=asset(catcher))
    assert (done.code, done.run.document["message"]) == (0, "3 of 3 succeeded")
    mails = [Mail(caught.content) for caught in inbox.messages]
    assert [mail["subject"] for mail in mails] == ["Test", "HTML Test", "CommaSeparated Recipients Test"]
    assert "This is some üñîçøðé data." in mails[1].leaves[0].text
    assert inbox.messages[2].rcpt_tos == ("receiver1@testdomain.com", "receiver2@testdomain.com")
    assert len({caught.peer for caught in inbox.messages}) == 1


def test_html_with_a_picture_arrives(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    picture = run.add_to_vault("pixel.png", b"\x89PNG")
    parameters = {
        "to": TO,
        "subject": "Größe",
        "html_body": '<p>ü <img src="cid:p"></p>',
        "attachment1": picture,
        "content_id1": "p",
    }
    done = run.command("run", "send_htmlemail", "--params", json.dumps(parameters), file=asset(catcher))
    assert (done.code, done.run.message) == (0, "Email sent")
    assert sound(inbox.only).structure == ("related", [("alternative", ["plain", "html"]), "png"])


def test_one_failure_among_several_is_exit_code_1(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    sets = json.dumps([{"to": TO, "body": "x"}, {"to": "nobody", "body": "x"}])
    done = run.command("run", "send email", "--params", sets, file=asset(catcher))
    assert done.code == 1
    assert [each["status"] for each in done.run.results] == ["success", "failed"]
    assert len(inbox.messages) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"port": "smtp", "ssl_config": "TLS"}, ("port: ", "ssl_config: ")),
        ({"ssl_config": "SSL", "ca_bundle": "/no/such/file"}, ("ca_bundle",)),
    ],
)
def test_a_bad_asset_is_exit_code_2_and_one_line(
    run: Runner, catcher: Catcher, inbox: Inbox, fields: Fields, said: tuple[str, ...]
) -> None:
    parameters = json.dumps({"to": TO, "body": "x"})
    done = run.command("run", "send email", "--params", parameters, file=asset(catcher, **fields))
    assert (done.code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert all(part in done.stderr for part in said)
    assert inbox.is_empty


def test_a_failed_test_of_connectivity_is_exit_code_1(run: Runner, catcher: Catcher) -> None:
    done = run.command("run", "test connectivity", file=asset(catcher, ssl_config="StartTLS"))
    assert done.code == 1
    assert done.run.message.startswith("Test connectivity failed")
    assert "STARTTLS was not offered" in done.run.message

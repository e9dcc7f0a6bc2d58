"""All that a composed mail can be asked for, in one mail: from the command line, and from Python."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from smtp_connector import act
from tests.support.mail import Mail
from tests.support.running import Command, Runner, asset
from tests.support.scripted.server import ScriptedServer
from tests.support.scripted.settings import Settings

EML = b"From: a@x\r\nSubject: Alert 7\r\nMessage-ID: <2@x.test>\r\nReferences: <1@x.test>\r\n\r\nx\r\n"
PIXEL = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def everything(run: Runner) -> dict[str, Any]:
    """What `send email` and `send htmlemail` have in common, each parameter used once."""
    report, alert = run.add_to_vault("raw.txt", b"report"), run.add_to_vault("alert.eml", EML)
    return {
        "to": "bob@example.com",
        "from": "soc@example.com",
        "reply_to": "desk@example.com",
        "in_reply_to": alert,
        "thread": True,
        "importance": "high",
        "envelope_sender": "bounces@example.com",
        "dsn": "failure,delay",
        "template_values": {"who": "Ann", "n": 7},
        "attachment_names": {report: "report {{ n }}.txt"},
        "transient_files": [
            {"name": "rows.csv", "text": "a,b\n"},
            {"name": "x.bin", "base64": b64encode(b"\0\1").decode()},
        ],
    }


def is_as_asked(server: ScriptedServer, files: set[str]) -> Mail:
    """Look at what both have in common in the only mail that arrived."""
    (accepted,) = server.log.accepted
    assert accepted.sender == "bounces@example.com"
    assert accepted.recipient_parameters == (("NOTIFY=FAILURE,DELAY",),)
    mail = Mail(accepted.content)
    assert (mail["From"], mail["Reply-To"]) == ("soc@example.com", "desk@example.com")
    assert (mail["Importance"], mail["X-Priority"], mail["Priority"]) == ("high", "1 (Highest)", "urgent")
    assert mail["Subject"] == "Re: Alert 7"
    assert mail["In-Reply-To"] == "<2@x.test>"
    references = mail["References"].split()
    assert references[0].startswith("<thread.")
    assert references[1:] == ["<1@x.test>", "<2@x.test>"]
    assert files <= {leaf.name for leaf in mail.leaves}
    return mail


@pytest.fixture
def server() -> Any:
    with ScriptedServer(Settings(extra=("DSN",))) as server:
        yield server


def test_on_the_command_line(run: Runner, server: ScriptedServer, tmp_path: Path) -> None:
    asked = everything(run)
    (vault_id,) = asked["attachment_names"]
    parameters = {
        **asked,
        "body": "# To {{ who }}",
        "body_format": "markdown",
        "attachments": vault_id,
    }
    account = asset(server, signature_text="The SOC")
    done: Command = run.command(
        "run", "send email", "--container", "7", "--params", json.dumps(parameters), file=account
    )
    assert done.code == 0, done.stderr
    mail = is_as_asked(server, {"report 7.txt", "rows.csv", "x.bin"})
    assert mail.leaves[0].text.rstrip() == "# To Ann\n\n-- \nThe SOC"
    assert ">To Ann</h1>" in mail.leaf("text/html").text
    assert "The SOC" in mail.leaf("text/html").text


def test_from_python(run: Runner, server: ScriptedServer) -> None:
    asked = everything(run)
    (vault_id,) = asked["attachment_names"]
    parameters = {
        **asked,
        "html_body": f"<p onclick=x>To {{{{ who }}}} <img src='data:image/gif;base64,{PIXEL}' alt=dot></p>",
        "attachment_json": [{"vault_id": vault_id}],
    }
    account = asset(server, signature_html="<i>The SOC</i>")
    results = act("send htmlemail", parameters, asset=account, container_id="7")
    assert results[0].message == "Email sent"
    mail = is_as_asked(server, {"report 7.txt", "rows.csv", "x.bin", "image1.gif"})
    html = mail.leaf("text/html").text
    image = next(leaf for leaf in mail.leaves if leaf.name == "image1.gif")
    assert image.content_id is not None
    assert f"cid:{image.content_id.strip('<>')}" in html
    assert "<i>The SOC</i>" in html
    assert "onclick" not in html
    assert results[0].data[0]["warnings"] == ["sanitising took out of the HTML: onclick 1×"]


def test_an_invitation_and_a_preview_on_the_command_line(run: Runner, server: ScriptedServer) -> None:
    account = asset(server, redirect_to="test@example.org", allowed_recipients="example.com")
    times = {"start": "2026-07-01T10:00", "end": "2026-07-01T11:00", "timezone": "Europe/Berlin"}
    parameters = json.dumps({"to": "bob@example.com", "subject": "Review", **times})
    done = run.command("run", "send invitation", "--params", parameters, file=account)
    assert done.code == 0, done.stderr
    assert server.log.accepted[0].recipients == ("test@example.org",)
    assert done.run.data["redirected_recipients"] == ["bob@example.com"]
    done = run.command(
        "run", "preview email", "--params", '{"to": "bob@example.com", "body": "x"}', file=account
    )
    assert done.code == 0, done.stderr
    assert done.run.data["recipients"] == ["test@example.org"]
    done = run.command("run", "send email", "--params", '{"to": "eve@evil.test", "body": "x"}', file=account)
    assert (done.code, len(server.log.accepted)) == (1, 1)
    assert "'eve@evil.test' may not be written to" in done.stderr

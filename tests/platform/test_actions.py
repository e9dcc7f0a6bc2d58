"""The app, unpacked from its package, on the stand-in of the platform: each run a process, passwords encrypted."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest

from tests.platform.installation import Platform
from tests.support.catcher import Catcher
from tests.support.scripted.server import ScriptedServer
from tests.support.scripted.settings import Settings

SENDER = "soc@example.com"
PASSWORD = "canary {0} p\u00e4ss"


@pytest.fixture
def server() -> Iterator[Catcher]:
    with Catcher(
        "starttls", logins={SENDER: PASSWORD}, refused={"no@example.com": "550 5.1.1 {nobody} <here>"}
    ) as server:
        yield server


@pytest.fixture
def config(server: Catcher) -> dict[str, Any]:
    """An asset as people fill it in on the platform: numbers as floats, what was left empty as None or ""."""
    return {
        "server": "localhost",
        "port": float(server.port),
        "ssl_config": "StartTLS",
        "username": SENDER,
        "password": PASSWORD,
        "client_id": "",
        "client_secret": "",
        "sender_address": None,
        "allow_smtputf8": True,
        "encoding": True,
    }


def message(server: Catcher) -> EmailMessage:
    """The last message that arrived."""
    parsed = email.message_from_bytes(server.messages[-1].content, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def test_connectivity_is_tested_with_the_password_decrypted(
    platform: Platform, server: Catcher, config: dict[str, Any]
) -> None:
    run = platform.run("test_connectivity", config)
    assert run.result["status"] == "success", run.told
    assert SENDER in run.result["result_data"][0]["message"]
    assert server.messages[0].username == SENDER
    assert server.messages[0].tls.startswith("TLSv1.")
    assert any(text.startswith("Certificate of ") for text in run.progress)


def test_a_mail_with_a_list_of_recipients_and_a_file_of_the_vault(
    platform: Platform, server: Catcher, config: dict[str, Any]
) -> None:
    vault_id = platform.add_to_vault(b"%PDF evidence", "r\u00e9sum\u00e9.pdf", container_id=99)
    parameters = {
        "from": None,
        "to": '"Doe, Jane" <jane@example.com>, bob@example.com',
        "cc": "",
        "bcc": ["eve@example.com"],
        "subject": "Case {4711}",
        "body": "Gr\u00fc\u00dfe {}",
        "attachments": vault_id,
    }
    run = platform.run("send_email", config, parameters)
    (result,) = run.result["result_data"]
    assert (result["status"], result["message"]) == ("success", "Email sent"), run.told
    assert result["summary"] == {"recipients": 3, "accepted": 3, "refused": 0}
    assert result["parameter"]["context"]["artifact_id"] == 0
    assert server.messages[0].rcpt_tos == ("jane@example.com", "bob@example.com", "eve@example.com")
    mail = message(server)
    assert mail["Subject"] == "Case {4711}"
    text, attachment = mail.iter_parts()
    assert text.get_content().strip() == "Gr\u00fc\u00dfe {}"
    assert (attachment.get_filename(), attachment.get_content()) == ("r\u00e9sum\u00e9.pdf", b"%PDF evidence")
    assert run.result["result_summary"] == {"total_objects": 1, "total_objects_successful": 1}


def test_an_html_mail_with_an_inline_image(
    platform: Platform, server: Catcher, config: dict[str, Any]
) -> None:
    image = platform.add_to_vault(b"\x89PNG\r\n", "logo.png", container_id=17)
    parameters = {
        "to": "jane@example.com",
        "html_body": "<p onclick='x()'>Hello <img src='cid:logo'></p>",
        "attachment1": image,
        "content_id1": "logo",
        "should_sanitize_template": True,
    }
    run = platform.run("send_htmlemail", config, parameters)
    assert run.result["status"] == "success", run.told
    assert "onclick" not in message(server).as_string()
    assert message(server).as_string().count("Content-ID: <logo>") == 1


def test_a_raw_mail(platform: Platform, server: Catcher, config: dict[str, Any]) -> None:
    raw = f"to:jane@example.com\\nfrom:{SENDER}\\nbcc: bob@example.com\\nsubject:Raw\\n\\nThis is {{raw}}"
    run = platform.run("send_rawemail", config, {"raw_email": raw})
    assert run.result["status"] == "success", run.told
    assert server.messages[0].rcpt_tos == ("jane@example.com", "bob@example.com")
    assert server.messages[0].content == (
        f"to:jane@example.com\r\nfrom:{SENDER}\r\nsubject:Raw\r\n\r\nThis is {{raw}}".encode()
    ) + b"\r\n" * server.messages[0].content.endswith(b"\r\n")


def test_parameter_sets_share_a_session_and_one_that_fails_stops_no_other(
    platform: Platform, server: Catcher, config: dict[str, Any]
) -> None:
    sets = [{"to": to, "body": "x"} for to in ("a@example.com", "no@example.com", "b@example.com", "@", "")]
    run = platform.run("send_email", config, *sets)
    assert [one["status"] for one in run.result["result_data"]] == [
        "success",
        "failed",
        "success",
        "failed",
        "failed",
    ]
    assert "550 5.1.1 {nobody} <here>" in run.result["result_data"][1]["message"]
    assert [text for text in run.progress if text.startswith("Connecting to")] == [
        f"Connecting to localhost:{server.port}."
    ]
    assert run.result["result_summary"] == {"total_objects": 5, "total_objects_successful": 2}


def test_the_session_is_ended_in_good_order_with_the_run(platform: Platform) -> None:
    with ScriptedServer(Settings(lifetime=60)) as server:
        config = {"server": server.host, "port": server.port, "ssl_config": "None", "sender_address": SENDER}
        sets = [{"to": "jane@example.com", "body": "x"}] * 3
        assert platform.run("send_email", config, *sets).result["status"] == "success"
    assert server.log.connections == 1
    assert len(server.log.accepted) == 3
    assert server.log.verbs()[-1] == "QUIT"
    assert server.log.violations == []


def test_a_report_of_the_platform_is_attached_by_its_name(
    platform: Platform, server: Catcher, config: dict[str, Any]
) -> None:
    name = "incidents__id-7__ts-2026-11-20.pdf"
    (platform.home / "vault" / "reports" / name).write_bytes(b"%PDF report")
    (platform.home / "vault" / "secret.pdf").write_bytes(b"%PDF secret")
    parameters = {"to": "jane@example.com", "body": "See the report", "attachments": name}
    run = platform.run("send_email", config, parameters, container_id=0)
    assert run.result["status"] == "success", run.told
    _, report = message(server).iter_parts()
    assert (report.get_filename(), report.get_content()) == ("incidents_ts-2026-11-20.pdf", b"%PDF report")
    assert report.get_content_type() == "application/pdf"

    stolen = platform.run(
        "send_email", config, {**parameters, "attachments": "../secret.pdf"}, container_id=0
    )
    assert stolen.result["status"] == "failed"
    assert len(server.messages) == 1


def test_an_asset_that_is_wrong_ends_the_run_with_every_fault_and_no_secret(
    platform: Platform, config: dict[str, Any]
) -> None:
    run = platform.run(
        "send_email", {**config, "port": "abc", "read_timeout": -1}, {"to": "a@b", "body": "x"}
    )
    assert run.result["status"] == "failed"
    assert run.result["result_data"] == []
    assert "port" in run.result["message"]
    assert "read_timeout" in run.result["message"]
    assert "canary" not in json.dumps([run.result, run.told])


def test_no_password_is_ever_told(platform: Platform, server: Catcher, config: dict[str, Any]) -> None:
    wrong = {**config, "password": PASSWORD + "wrong"}
    run = platform.run("send_email", wrong, {"to": "jane@example.com", "body": "x"})
    assert run.result["status"] == "failed"
    assert "535" in run.result["result_data"][0]["message"]
    assert "canary" not in json.dumps([run.result, run.told])


def test_a_run_that_is_cancelled_says_what_was_sent(
    platform: Platform, server: Catcher, config: dict[str, Any]
) -> None:
    sets = [{"to": "jane@example.com", "subject": str(number), "body": "x"} for number in range(3000)]
    process = platform.start("send_email", config, *sets)
    process.wait_for("Logged in")
    process.cancel()
    run = process.finish()
    statuses = [one["status"] for one in run.result["result_data"]]
    sent = statuses.count("success")
    assert len(statuses) == 3000
    assert sent < 3000
    assert [m.mail_from for m in server.messages] == [SENDER] * sent


def test_proxies_and_other_variables_of_the_input_reach_the_run(
    platform: Platform, config: dict[str, Any]
) -> None:
    run = platform.run(
        "send_email",
        config,
        {"to": "jane@example.com", "body": "x"},
        environment={"HTTPS_PROXY": "http://h:1"},
    )
    assert run.result["status"] == "success", run.told


def test_a_large_preview_lies_in_the_vault_of_its_container(
    platform: Platform, server: Catcher, config: dict[str, Any]
) -> None:
    vault_id = platform.add_to_vault(bytes(300_000), "big.bin", container_id=17)
    run = platform.run(
        "preview_email", config, {"to": "jane@example.com", "body": "x", "attachments": vault_id}
    )
    assert run.result["status"] == "success", run.told
    index = json.loads((platform.home / "vault" / "index.json").read_text())
    (record,) = [record for record in index if record["vault_id"] == run.data["eml"]]
    assert (record["name"], record["container_id"], record["size"]) == ("preview.eml", 17, run.data["size"])
    assert not server.messages

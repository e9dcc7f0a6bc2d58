"""What a result says of a delivery: status, message, data and summary, whatever the server did."""

from __future__ import annotations

import json
from typing import Any

import pytest

from host.manifest.model import PATH
from tests.support.catcher import Catcher
from tests.support.running import Run, Runner, asset
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

NO_SUCH_USER = "550 5.1.1 no such user"
MAIL = {"to": "a@example.com", "cc": "b@example.com", "bcc": "x@example.com", "body": "Hello"}


def sent(
    run: Runner, settings: Settings, *parameters: dict[str, Any], **fields: Any
) -> tuple[Run, ScriptedServer]:
    with ScriptedServer(settings) as server:
        done = run("send_email", asset(server, **fields), *(parameters or [MAIL]))
    return done, server


def test_all_accepted(run: Runner) -> None:
    result, server = sent(run, Settings())
    assert result.document["status"] == result.result["status"] == "success"
    assert result.document["message"] == result.message == "Email sent"
    assert result.document["result_summary"] == {"total_objects": 1, "total_objects_successful": 1}
    assert result.result["parameter"] == MAIL
    assert result.result["summary"] == {"recipients": 3, "accepted": 3, "refused": 0}
    data = result.data
    assert (data["outcome"], data["sender"]) == ("sent", "sender@example.com")
    assert data["recipients"][2] == {
        "address": "x@example.com",
        "status": "accepted",
        "code": 250,
        "enhanced_code": "2.1.5",
        "reply": "recipient OK",
        "retryable": False,
    }
    assert (data["server_reply"], data["queue_id"]) == ("250 2.0.0 OK: queued as 000001", "000001")
    assert (data["auth_method"], data["auth_mechanism"]) == ("Passwordless", "")
    assert (data["tls_version"], data["tls_cipher"], data["server"]) == ("", "", f"127.0.0.1:{server.port}")
    assert (data["attachments"], data["warnings"]) == ([], [])
    assert data["size"] == len(server.log.accepted[0].content)
    assert data["duration_ms"] >= 0
    assert "failure" not in data


def test_some_refused(run: Runner) -> None:
    result, server = sent(run, Settings(refused={"x@example.com": NO_SUCH_USER}))
    assert result.document["status"] == "success"
    assert result.message == f"Email sent to 2 of 3 recipients; refused: x@example.com ({NO_SUCH_USER})"
    assert result.result["summary"] == {"recipients": 3, "accepted": 2, "refused": 1}
    assert result.data["outcome"] == "partly sent"
    assert result.statuses == {
        "a@example.com": "accepted",
        "b@example.com": "accepted",
        "x@example.com": "refused",
    }
    assert result.data["recipients"][2]["reply"] == "no such user"
    assert result.data["server_reply"].startswith("250 ")
    assert server.log.accepted[0].recipients == ("a@example.com", "b@example.com")


def test_all_refused(run: Runner) -> None:
    replies = {
        "a@example.com": "450 4.2.1 busy",
        "b@example.com": NO_SUCH_USER,
        "x@example.com": NO_SUCH_USER,
    }
    for chunking in (True, False):
        result, server = sent(run, Settings(refused=replies, chunking=chunking))
        assert result.document["status"] == "failed"
        assert result.message.startswith("Nothing was sent, at step RCPT with 127.0.0.1:")
        assert all(f"{address} ({reply})" in result.message for address, reply in replies.items())
        assert [each["retryable"] for each in result.data["recipients"]] == [True, False, False]
        assert result.result["summary"] == {"recipients": 3, "accepted": 0, "refused": 3}
        assert (result.data["outcome"], result.data["server_reply"]) == ("not sent", NO_SUCH_USER)
        assert (result.failure["step"], result.failure["code"]) == ("RCPT", 550)
        assert server.log.accepted == []


@pytest.mark.parametrize("chunking", [True, False])
@pytest.mark.parametrize(
    ("step", "reply", "category", "retryable"),
    [
        (Step.MAIL, "451 4.3.0 later", "temporary", True),
        (Step.MAIL, "553 5.1.8 bad sender", "permanent", False),
        (Step.END, "452 4.3.1 disk full", "temporary", True),
        (Step.END, "554 5.6.0 looks like spam", "permanent", False),
    ],
)
def test_a_refused_message(
    run: Runner, step: Step, reply: str, category: str, retryable: bool, chunking: bool
) -> None:
    settings = Settings(
        fault=Fault(step, Kind.SAYS, reply=f"{reply}\r\n".encode(), acted=False), chunking=chunking
    )
    result, server = sent(run, settings)
    code, enhanced, text = reply.split(" ", 2)
    assert result.document["status"] == "failed"
    assert result.message.startswith("Nothing was sent, at step ")
    assert reply in result.message
    assert result.data["outcome"] == "not sent"
    assert result.data["server_reply"] == reply
    failure = result.failure
    assert (failure["code"], failure["enhanced_code"], failure["reply"]) == (int(code), enhanced, text)
    assert (failure["category"], failure["retryable"]) == (category, retryable)
    assert {each["retryable"] for each in result.data["recipients"]} == {retryable}
    assert server.log.accepted == []


@pytest.mark.parametrize("chunking", [True, False])
@pytest.mark.parametrize("kind", [Kind.CLOSE, Kind.RESET, Kind.HALF_LINE, Kind.GARBAGE, Kind.SILENCE])
def test_a_missing_last_answer_is_unknown_and_not_retried(run: Runner, kind: Kind, chunking: bool) -> None:
    settings = Settings(fault=Fault(Step.END, kind), chunking=chunking, lifetime=1)
    result, server = sent(run, settings)
    assert result.document["status"] == "failed"
    assert "may have been delivered and was not retried" in result.message
    assert result.data["outcome"] == "unknown"
    assert set(result.statuses.values()) == {"unknown"}
    assert not result.failure["retryable"]
    assert result.result["summary"] == {"recipients": 3, "accepted": 0, "refused": 0}
    assert len(server.log.accepted) == server.log.connections == 1


def test_before_the_last_octets_nothing_is_unknown(run: Runner) -> None:
    for step in (Step.BANNER, Step.EHLO, Step.MAIL, Step.RCPT, Step.DATA):
        settings = Settings(fault=Fault(step, Kind.CLOSE), chunking=False)
        result, server = sent(run, settings)
        assert result.data["outcome"] == "not sent"
        assert result.failure["retryable"]
        assert result.message.startswith("Nothing was sent, at step ")
        assert set(result.statuses.values()) == {"not tried"}
        assert server.log.accepted == []


def test_too_many_recipients_for_one_transaction_are_several_and_one_result(run: Runner) -> None:
    addresses = [f"r{n}@example.com" for n in range(7)]
    result, server = sent(run, Settings(max_recipients=3), {"to": addresses, "body": "x"})
    assert result.message == "Email sent"
    assert result.result["summary"] == {"recipients": 7, "accepted": 7, "refused": 0}
    assert [recipient for message in server.log.accepted for recipient in message.recipients] == addresses


def test_a_message_larger_than_the_server_takes_is_not_offered(run: Runner) -> None:
    result, server = sent(run, Settings(size=2000), {"to": "a@example.com", "body": "x" * 3000})
    assert "the server takes at most 2000" in result.message
    assert (result.data["outcome"], result.failure["step"]) == ("not sent", "MAIL")
    assert "MAIL" not in server.log.verbs()


def test_fifty_refused_recipients_do_not_make_an_endless_message(run: Runner) -> None:
    refused = {f"r{n}@example.com": NO_SUCH_USER for n in range(50)}
    result, _ = sent(run, Settings(refused=refused), {"to": ["a@example.com", *refused], "body": "x"})
    assert result.message.startswith("Email sent to 1 of 51 recipients; refused: r0@example.com (550 5.1.1")
    assert result.message.endswith("and 40 more")
    assert len(result.data["recipients"]) == 51


def test_every_data_path_of_a_result_is_in_the_manifest(run: Runner, catcher: Catcher) -> None:
    declared = {
        action["identifier"]: {output["data_path"] for output in action["output"]}
        for action in json.loads(PATH.read_text())["actions"]
    }
    raw = "From: a@example.com\nTo: b@example.com\n\nx"
    html = {
        "to": "a@example.com",
        "html_body": '<img src="cid:gone">',
        "attachment1": run.add_to_vault("a", b""),
    }
    runs = [
        sent(run, Settings(refused={"x@example.com": NO_SUCH_USER}))[0],
        sent(run, Settings(), {"to": "nobody", "body": "x"})[0],
        run("send_rawemail", asset(catcher), {"raw_email": raw}),
        run("send_htmlemail", asset(catcher), html),
    ]
    for done in runs:
        assert set(paths(done.result)) <= declared[done.document["identifier"]]


def paths(value: Any, path: str = "action_result") -> list[str]:
    """The data paths of a result, as the platform names them."""
    if isinstance(value, dict):
        return [each for key, member in value.items() for each in paths(member, f"{path}.{key}")]
    if isinstance(value, list):
        return [each for member in value for each in paths(member, f"{path}.*")]
    return [path]


class TestQueueIds:
    @pytest.mark.parametrize(
        ("reply", "queue_id"),
        [
            ("250 2.0.0 Ok: queued as 4XyZ1a2b3c", "4XyZ1a2b3c"),
            ("250 OK id=1rABcd-000001-2x", "1rABcd-000001-2x"),
            ("250 2.0.0 3AB12CD45678 Message accepted for delivery", "3AB12CD45678"),
            ("250 2.0.0 OK  1700000000 a1-20020a170902.17 - gsmtp", "a1-20020a170902.17"),
            ("250 2.6.0 <x@y> [InternalId=12345, Hostname=h] Queued mail for delivery", "12345"),
            (
                "250 Ok 0100018c1a2b3c4d-1111-2222-3333-444455556666-000000",
                "0100018c1a2b3c4d-1111-2222-3333-444455556666-000000",
            ),
            ("250 Thank you", ""),
        ],
    )
    def test_it_is_told_when_it_is_recognised(self, run: Runner, reply: str, queue_id: str) -> None:
        fault = Fault(Step.END, Kind.SAYS, reply=f"{reply}\r\n".encode())
        result, _ = sent(run, Settings(fault=fault))
        assert result.message == "Email sent"
        assert result.data["server_reply"] == reply
        assert result.data["queue_id"] == queue_id

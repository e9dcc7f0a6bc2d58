"""Dapr's bindings API over HTTP, as its clients use it."""

from __future__ import annotations

import json
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from tests.doors.dapr.conftest import Served
from tests.doors.dapr.samples import REQUEST
from tests.support.catcher import Catcher
from tests.support.mail import sound
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings
from tests.support.scripted.server import closed_port
from tests.support.scripted.settings import Step

WHO: dict[str, str] = {"emailFrom": "sender@example.com", "emailTo": "to@example.net", "subject": "hi"}


def smtp(served: Served, server: Any, **metadata: object) -> None:
    served.component("smtp", host=server.host, port=server.port, **{**WHO, **metadata})


def parsed(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def html(content: bytes) -> str:
    body = parsed(content).get_body(("html",))
    assert isinstance(body, EmailMessage)
    return str(body.get_content()).replace("\r\n", "\n").rstrip("\n")


def test_the_documentations_request_becomes_a_mail(served: Served) -> None:
    with Catcher() as server:
        smtp(served, server, emailBCC="bcc@example.com")
        answer = served.http().ask("POST", "/v1.0/bindings/smtp", REQUEST)
    assert answer.status == 200, answer.body
    (caught,) = server.messages
    mail = sound(caught)
    assert caught.mail_from == "sender@example.com"
    assert caught.rcpt_tos == (
        "dapr-smtp-binding@example.net",
        "cc1@example.net",
        "cc2@example.net",
        "bcc@example.com",
    )
    message = parsed(caught.content)
    assert message["To"] == "dapr-smtp-binding@example.net"
    assert message["Cc"] == "cc1@example.net, cc2@example.net"
    assert message["Bcc"] is None
    assert (message["Subject"], message["X-Priority"]) == ("Email subject", "3")
    assert html(caught.content) == "Testing Dapr SMTP Binding"
    assert mail is not None


def test_the_answer_is_the_results_data_with_the_message_id_and_the_outcome_as_headers(
    served: Served,
) -> None:
    with Catcher() as server:
        smtp(served, server)
        answer = served.http().create()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["metadata.outcome"] == answer.json["outcome"] == "sent"
    assert answer.headers["metadata.messageId"] == answer.json["message_id"]
    assert answer.json["message_id"] == parsed(server.messages[0].content)["Message-ID"]
    assert [one["status"] for one in answer.json["recipients"]] == ["accepted"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_both_methods_send(served: Served, method: str) -> None:
    with Catcher() as server:
        smtp(served, server)
        assert served.http().ask(method, "/v1.0/bindings/smtp", {"operation": "create"}).status == 200
    assert len(server.messages) == 1


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("<b>Grüße</b>, 日本", "<b>Grüße</b>, 日本"),
        ('say "hi"', 'say "hi"'),
        ({"a": [1, 2.5, True, None]}, '{"a":[1,2.5,true,null]}'),
        (17, "17"),
        (None, "null"),
        ("", ""),
    ],
)
def test_a_string_is_its_text_and_any_other_value_its_json(served: Served, data: object, text: str) -> None:
    with Catcher() as server:
        smtp(served, server)
        assert served.http().create(data=data).status == 200
    assert html(server.messages[0].content) == text


def test_html_goes_as_it_is(served: Served) -> None:
    text = '<div style="x:y" onclick="go()"><script>1</script>a</div>'
    with Catcher() as server:
        smtp(served, server)
        served.http().create(data=text)
    assert html(server.messages[0].content) == text


def test_plain_text_has_no_html(served: Served) -> None:
    with Catcher() as server:
        smtp(served, server)
        served.http().create(data="1 < 2 <b>", contentType="text/plain; charset=utf-8")
    message = parsed(server.messages[0].content)
    assert message.get_content_type() == "text/plain"
    assert message.get_content().rstrip() == "1 < 2 <b>"


def test_metadata_of_ours_reaches_the_mail(served: Served) -> None:
    with Catcher() as server:
        smtp(served, server)
        answer = served.http().create(replyTo="reply@example.com", messageId="one@example.com", priority="1")
    message = parsed(server.messages[0].content)
    assert message["Reply-To"] == "reply@example.com"
    assert message["Message-ID"] == answer.headers["metadata.messageId"] == "<one@example.com>"
    assert message["X-Priority"] == "1"


def test_names_are_taken_in_any_case_the_request_wins_and_what_is_empty_was_not_given(served: Served) -> None:
    with Catcher() as server:
        smtp(served, server, emailCC="cc@example.com", priority="5")
        served.http().create(EMAILTO="other@example.net", emailcc="", Subject="  ", Priority=None)
    caught = server.messages[0]
    assert caught.rcpt_tos == ("other@example.net", "cc@example.com")
    assert parsed(caught.content)["Subject"] == "hi"
    assert parsed(caught.content)["X-Priority"] == "5"


@pytest.mark.parametrize(
    "to",
    [
        "a@example.net;b@example.net",
        " a@example.net ; b@example.net ; ",
        'Ann <a@example.net>; "Boss; Bob" <b@example.net>;',
    ],
)
def test_lists_split_at_semicolons(served: Served, to: str) -> None:
    with Catcher() as server:
        smtp(served, server)
        served.http().create(emailTo=to)
    assert server.messages[0].rcpt_tos == ("a@example.net", "b@example.net")


@pytest.mark.parametrize(
    ("left_out", "missing"),
    [
        (("emailFrom", "emailTo", "subject"), "emailFrom"),
        (("emailTo", "subject"), "emailTo"),
        (("subject",), "subject"),
    ],
)
def test_what_is_missing_is_named_in_order(served: Served, left_out: tuple[str, ...], missing: str) -> None:
    with Catcher() as server:
        smtp(served, server, **dict.fromkeys(left_out, ""))
        answer = served.http().create()
    assert answer.status == 500
    assert answer.json == {
        "errorCode": "ERR_INVOKE_OUTPUT_BINDING",
        "message": "error invoking output binding smtp: smtp binding error: "
        f"{missing} property not supplied in configuration- or request-metadata",
    }
    assert server.messages == ()


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ({"priority": "0"}, "priority value must be between 1 (highest) and 5 (lowest)"),
        ({"priority": "urgent"}, "priority value must be between 1 (highest) and 5 (lowest)"),
        ({"emailTo": "a@b@c"}, "emailTo: 'a@b@c' is not a valid address"),
        ({"emailBCC": "no address"}, "emailBCC: 'no address' is not a valid address"),
        ({"emailFrom": "a@example.com; b@example.com"}, "emailFrom takes one address"),
        ({"contentType": "application/pdf"}, "contentType has to be text/html or text/plain"),
        ({"subject": "a", "SUBJECT": "b"}, "subject is given twice in metadata, as subject and as SUBJECT"),
        ({"replyTo": "x"}, "replyTo: 'x' is not a valid address"),
        ({"messageId": "no id"}, "Message-ID"),
        ({"subject": "a\r\nBcc: x@example.com"}, "subject"),
    ],
)
def test_what_can_not_be_used_is_named_and_nothing_is_sent(
    served: Served, metadata: dict[str, str], text: str
) -> None:
    with Catcher() as server:
        smtp(served, server)
        answer = served.http().create(**metadata)
    assert (answer.status, answer.json["errorCode"]) == (500, "ERR_INVOKE_OUTPUT_BINDING")
    assert text in answer.json["message"]
    assert server.messages == ()


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("nobody", {"operation": "create"}, "couldn't find output binding nobody"),
        ("smtp", {"data": "x"}, "operation field is missing from request"),
        (
            "smtp",
            {"operation": "delete"},
            "binding smtp does not support operation delete. supported operations:create",
        ),
        ("broken", {"operation": "create"}, "smtp binding error: it is broken"),
    ],
)
def test_what_is_no_request_to_a_binding_gets_daprs_own_words(
    served: Served, path: str, body: object, text: str
) -> None:
    with Catcher() as server:
        smtp(served, server)
        served.resources.broken["broken"] = "smtp binding error: it is broken"
        answer = served.http().ask("POST", f"/v1.0/bindings/{path}", body)
    assert answer.status == 500
    assert answer.json == {
        "errorCode": "ERR_INVOKE_OUTPUT_BINDING",
        "message": f"error invoking output binding {path}: {text}",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"create"',
        b"\xff\xfe",
        b'{"operation": "create", "metadata": {"priority": 1}}',
        b'{"operation": "create", "metadata": []}',
        b'{"operation": 1}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_request_at_all_is_malformed(served: Served, body: bytes) -> None:
    answer = served.http().ask("POST", "/v1.0/bindings/smtp", body)
    assert (answer.status, answer.json["errorCode"]) == (400, "ERR_MALFORMED_REQUEST")


def test_a_body_that_is_too_large_is_refused(served: Served) -> None:
    served.max_body = 1000
    answer = served.http().create(data="x" * 1000)
    assert answer.status == 413
    assert "--max-body-size" in answer.json["message"]


def test_it_is_healthy_and_tells_of_its_components(served: Served) -> None:
    with Catcher() as server:
        smtp(served, server)
        client = served.http()
        assert client.ask("GET", "/v1.0/healthz").status == 204
        assert client.ask("GET", "/v1.0/healthz/outbound").status == 204
        metadata = client.ask("GET", "/v1.0/metadata").json
    assert metadata["components"] == [
        {"name": "smtp", "type": "bindings.smtp", "version": "v1", "capabilities": []}
    ]
    assert metadata["runtimeVersion"] == "1.2.3"


def test_only_who_has_the_token_may_ask(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAPR_API_TOKEN", "canary-token")
    with Catcher() as server:
        smtp(served, server)
        client = served.http()
        body = {"operation": "create"}
        for headers in ({}, {"dapr-api-token": "another"}, {"dapr-api-token": "ü"}):
            refused = client.ask("POST", "/v1.0/bindings/smtp", body, headers)
            assert (refused.status, refused.json["message"]) == (401, "invalid api token")
        assert client.ask("GET", "/v1.0/metadata").status == 401
        assert client.ask("GET", "/v1.0/healthz").status == 204
        right = {"dapr-api-token": "canary-token"}
        assert client.ask("POST", "/v1.0/bindings/smtp", body, right).status == 200
    assert len(server.messages) == 1


def test_a_web_page_can_not_send_mail(served: Served) -> None:
    with Catcher() as server:
        smtp(served, server)
        origin = {"Origin": "https://evil.example"}
        answer = served.http().ask("POST", "/v1.0/bindings/smtp", {"operation": "create"}, origin)
    assert answer.status == 403
    assert server.messages == ()


def test_refused_for_some_is_a_success_that_says_so(served: Served) -> None:
    with Catcher(refused={"b@example.net": "550 5.1.1 no such user"}) as server:
        smtp(served, server)
        answer = served.http().create(emailTo="a@example.net; b@example.net")
    assert answer.status == 200
    assert answer.headers["metadata.outcome"] == "partly sent"
    assert {one["address"]: one["status"] for one in answer.json["recipients"]} == {
        "a@example.net": "accepted",
        "b@example.net": "refused",
    }


def test_refused_for_all_is_an_error_with_the_servers_words(served: Served) -> None:
    with Catcher(refused={"b@example.net": "550 5.1.1 no such user"}) as server:
        smtp(served, server)
        answer = served.http().create(emailTo="b@example.net")
    assert answer.status == 500
    assert "Nothing was sent" in answer.json["message"]
    assert "550 5.1.1 no such user" in answer.json["message"]


def test_an_unknown_outcome_is_an_error_and_repeating_it_sends_nothing(served: Served) -> None:
    with ScriptedServer(Settings(fault=Fault(Step.END, Kind.CLOSE))) as server:
        smtp(served, server)
        client = served.http()
        first, again = client.create(), client.create()
        other = client.create(data="something else")
    assert first.status == again.status == 500
    assert "may have been delivered" in first.json["message"]
    assert again.json == first.json
    assert other.status == 200
    assert len(server.log.accepted) == 2, "the one in doubt, and the other one"


def test_a_mail_that_was_not_sent_can_be_repeated(served: Served) -> None:
    with ScriptedServer(Settings(fault=Fault(Step.END, Kind.TEMPORARY))) as server:
        smtp(served, server)
        client = served.http()
        assert client.create().status == 500
        assert client.create().status == 200
    assert len(server.log.accepted) == 1


def test_the_same_idempotency_key_sends_once(served: Served) -> None:
    with Catcher() as server:
        smtp(served, server)
        client = served.http()
        first, again = client.create(idempotencyKey="k1"), client.create(idempotencyKey="k1")
        other = client.create(idempotencyKey="k1", data="something else")
    assert (first.status, again.status, other.status) == (200, 200, 500)
    assert again.json["repeated"]
    assert again.headers["metadata.messageId"] == first.headers["metadata.messageId"]
    assert "another content has this key" in other.json["message"]
    assert len(server.messages) == 1


def expected(number: int) -> set[str]:
    """The recipients of this request: its own, and those of its component."""
    is_second = number % 4 > 1
    of_the_component = {"second@example.net" if is_second else "to@example.net"}
    own = {f"to{number}@example.net", f"bcc{number}@example.net"}
    return (own if number % 2 else of_the_component) | (set() if is_second else {"cc@example.net"})


def test_no_requests_recipients_are_in_anothers_mail(served: Served) -> None:
    """Forty at once over two components, each with recipients of its own or the component's."""
    with Catcher() as server:
        smtp(served, server, emailCC="cc@example.net")
        served.component(
            "second", host=server.host, port=server.port, **{**WHO, "emailTo": "second@example.net"}
        )
        client = served.http()
        statuses: list[int] = []

        def ask(number: int) -> None:
            own: dict[str, str] = {"subject": str(number)}
            if number % 2:
                own |= {"emailTo": f"to{number}@example.net", "emailBCC": f"bcc{number}@example.net"}
            name = "second" if number % 4 > 1 else "smtp"
            statuses.append(client.create(name, data=f"text {number}", **own).status)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 40
    seen = {
        int(parsed(caught.content)["Subject"]): (set(caught.rcpt_tos), html(caught.content))
        for caught in server.messages
    }
    assert seen == {number: (expected(number), f"text {number}") for number in range(40)}


def test_a_user_means_a_login_over_tls(served: Served) -> None:
    with Catcher("starttls", logins={"me": "canary-secret"}) as server:
        smtp(served, server, user="me", password="canary-secret")
        assert served.http().create().status == 200
    (caught,) = server.messages
    assert (caught.username, bool(caught.tls)) == ("me", True)


def test_a_user_without_tls_sends_nothing_in_clear(served: Served) -> None:
    settings = Settings(auth=("PLAIN",), logins={"me": "canary-secret"})
    with ScriptedServer(settings) as server:
        smtp(served, server, user="me", password="canary-secret")
        answer = served.http().create()
    assert answer.status == 500
    assert "STARTTLS" in answer.json["message"]
    assert not any(command.startswith((b"AUTH", b"MAIL")) for _, command in server.log.commands)


def test_without_a_user_tls_is_used_where_it_is_offered(served: Served) -> None:
    with Catcher("starttls") as server:
        smtp(served, server)
        served.http().create()
    assert server.messages[0].tls


def test_a_certificate_is_verified_unless_that_is_skipped(served: Served) -> None:
    with Catcher("starttls") as server:
        smtp(served, server, skipTLSVerify="false")
        answer = served.http().create()
    assert answer.status == 500
    assert "certificate" in answer.json["message"]
    assert server.messages == ()


def test_every_request_has_a_line_and_no_line_has_a_secret(served: Served) -> None:
    with Catcher("starttls", logins={"me": "canary-secret"}) as server:
        smtp(served, server, user="me", password="canary-wrong")
        answer = served.http().create()
    assert answer.status == 500
    assert len(served.told) == 1
    assert "canary" not in json.dumps([served.told, answer.json])


@pytest.mark.parametrize(
    "body",
    [
        {"operation": "\ud800"},
        {"operation": "create", "metadata": {"emailTo": "\ud800@example.com"}},
        {"operation": "create", "metadata": {"su\ud800": "x", "contentType": "\ud800"}},
        {"operation": "create", "metadata": {"messageId": "\ud800"}},
        {"operation": "create", "metadata": {"idempotencyKey": "\ud800", "priority": "\ud800"}},
        {"operation": "create", "data": "\ud800"},
    ],
)
def test_half_a_character_anywhere_is_an_answer_and_no_traceback(
    served: Served, body: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    served.component("smtp", host="127.0.0.1", port=closed_port(), **WHO)
    answer = served.http().ask("POST", "/v1.0/bindings/smtp", json.dumps(body))
    assert (answer.status, answer.json["errorCode"]) == (500, "ERR_INVOKE_OUTPUT_BINDING")
    assert capfd.readouterr().err == ""

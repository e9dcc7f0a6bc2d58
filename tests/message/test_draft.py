"""What the parameters ask for: senders, recipients, subjects, and everything wrong said at once."""

from __future__ import annotations

from typing import Any

import pytest

from message.draft import Addressing, Defaults, plain_draft
from message.errors import Fault, Lack, MessageError
from tests.message.reading import DEFAULTS, email, headers_of, html_email, octets, read


@pytest.mark.parametrize(
    ("parameter", "headers", "default", "expected"),
    [
        ("p@x", {"From": "h@x"}, "s@x", "p@x"),
        (None, {"From": "h@x"}, "s@x", "h@x"),
        ("", None, "s@x", "s@x"),
        (" ", {"From": ""}, "s@x", "s@x"),
        ("Ops <p@x>", None, "", "p@x"),
    ],
)
def test_sender_is_the_first_that_is_given(
    parameter: str | None, headers: Any, default: str, expected: str
) -> None:
    message = email(sender=parameter, headers=headers, defaults=Defaults(default))
    assert str(message.envelope.sender) == expected
    assert read(message)["From"].addresses[0].addr_spec == expected
    assert message.message_id.endswith("@x>")


def test_no_sender_at_all_is_an_error_that_says_what_is_lacking() -> None:
    with pytest.raises(MessageError, match=r"^from: there is no sender$") as caught:
        email(defaults=Defaults())
    assert [fault.lack for fault in caught.value.faults] == [Lack.SENDER]
    assert (caught.value.step, caught.value.category) == ("parameters", "input")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"sender": "nobody"}, "from"),
        ({"sender": "a@x, b@x"}, "from"),
        ({"defaults": Defaults("nobody", "sender_address")}, "sender_address"),
        ({"defaults": Defaults("a b@x", "username")}, "username"),
    ],
)
def test_bad_sender_names_where_it_came_from(given: dict[str, Any], field: str) -> None:
    with pytest.raises(MessageError) as caught:
        email(**given)
    assert [fault.field for fault in caught.value.faults] == [field]


@pytest.mark.parametrize("to", ["", None, " , ;", "undisclosed-recipients:;", []])
def test_no_recipient_at_all_is_an_error(to: Any) -> None:
    with pytest.raises(MessageError, match="to: there is no recipient"):
        email(to=to)


def test_recipients_of_all_lists_get_it_once() -> None:
    message = email(to="a@x, A@X, b@x", cc="B@x; c@x", bcc='["c@x", "d@x"]', headers={"Bcc": "e@x, a@x"})
    assert [str(a) for a in message.envelope.recipients] == ["a@x", "b@x", "c@x", "d@x", "e@x"]
    assert (read(message)["To"], read(message)["Cc"]) == ("a@x, b@x", "B@x, c@x")
    assert b"d@x" not in octets(message)
    assert b"e@x" not in octets(message)


def test_without_to_and_cc_no_such_field_is_written() -> None:
    names = [name for name, _ in headers_of(email(to="", bcc="a@x"))]
    assert "To" not in names
    assert "Cc" not in names


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(MessageError) as caught:
        email(
            "a\x00b",
            to="one, two@x",
            cc="three",
            bcc="four",
            subject="a\nb",
            headers={"X A": "x", "MIME-Version": "2"},
            sender="five",
        )
    assert [fault.field for fault in caught.value.faults] == [
        "body",
        "headers",
        "headers",
        "to",
        "cc",
        "bcc",
        "from",
        "subject",
    ]
    assert str(caught.value).count("; ") >= 7


@pytest.mark.parametrize(
    "subject", ["a\r\nBcc: evil@x", "a\nb", "tab\there", "\x1b[31m", "a\x00", "\u2028", "\udc00"]
)
def test_control_characters_in_a_subject_are_an_error(subject: str) -> None:
    with pytest.raises(MessageError, match=r"^subject: has "):
        email(subject=subject)


@pytest.mark.parametrize(
    "subject", ["Grüße 😀", 'a, b: "c" <d@x>', "=?utf-8?q?x?=", "x" * 1500, "日本語 " * 60, "  spaced  "]
)
def test_subject_reads_back(subject: str) -> None:
    assert read(email(subject=subject))["Subject"] == subject.strip()


@pytest.mark.parametrize("subject", [None, ""])
def test_no_subject_writes_no_field(subject: str | None) -> None:
    assert "Subject" not in read(email(subject=subject))


def test_other_than_ascii_where_it_may_not_be_says_what_is_lacking() -> None:
    ascii_only = Defaults("s@x", ascii_only=True)
    with pytest.raises(MessageError) as caught:
        email("Grüße", subject="Grüße", defaults=ascii_only)
    assert [(fault.field, fault.lack) for fault in caught.value.faults] == [
        ("body", Lack.UNICODE),
        ("subject", Lack.UNICODE),
    ]
    with pytest.raises(MessageError, match="headers: Subject: it is not ASCII"):
        email(headers={"Subject": "Grüße"}, defaults=ascii_only)
    assert read(email("plain", subject="plain", defaults=ascii_only))["Subject"] == "plain"


def test_what_the_caller_knows_to_be_wrong_is_said_with_the_rest() -> None:
    with pytest.raises(MessageError) as caught:
        plain_draft(Addressing(to="one"), "x", (), DEFAULTS, [Fault("attachments", "it is not there")])
    assert [fault.field for fault in caught.value.faults] == ["attachments", "to"]


@pytest.mark.parametrize("body", ["a\x00b", "a\ud83db"])
def test_what_no_text_can_hold_is_an_error(body: str) -> None:
    with pytest.raises(MessageError, match=r"^body: "):
        email(body)
    with pytest.raises(MessageError, match=r"^html_body: .*; text_body: "):
        html_email(body, body)


def test_domain_that_looks_like_another_is_a_warning() -> None:
    message = email(to="a@аpple.com")
    assert message.warnings == (
        "the domain 'аpple.com' may be made to look like another; it is xn--pple-43d.com",
    )


def test_draft_knows_its_recipients_before_it_is_composed() -> None:
    draft = plain_draft(Addressing(to="a@x", cc="A@x, b@x", bcc="c@bücher.example"), "x", (), DEFAULTS)
    assert [str(address) for address in draft.recipients] == ["a@x", "b@x", "c@bücher.example"]

"""What a mail says about others: whom to answer, what it answers, its thread, how urgent it is."""

from __future__ import annotations

from typing import Any

import pytest

from message.conversation import answered, thread_id
from message.errors import MessageError
from tests.message.reading import email, headers_of, octets, read

PARENT = (
    b"From: a@x\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID:\r\n <3@x>\r\n"
    b"References: <1@x>\r\n\t<2@x>\r\n\r\nMessage-ID: <no@x>\r\n"
)


def test_an_answer_to_a_mail_refers_to_it_and_to_what_it_refers_to() -> None:
    mail = read(email(in_reply_to=PARENT, subject=None))
    assert mail["In-Reply-To"] == "<3@x>"
    assert mail["References"] == "<1@x> <2@x> <3@x>"
    assert mail["Subject"] == "Re: Grüße"


def test_an_answer_to_a_message_id_refers_to_that() -> None:
    mail = read(email(in_reply_to=" <3@x> ", subject="S"))
    assert (mail["In-Reply-To"], mail["References"], mail["Subject"]) == ("<3@x>", "<3@x>", "S")
    assert read(email(in_reply_to="3@x"))["In-Reply-To"] == "<3@x>"


def test_a_subject_that_is_given_stays_as_it_is() -> None:
    assert read(email(in_reply_to=PARENT, subject="Mine"))["Subject"] == "Mine"
    assert read(email(in_reply_to=PARENT, headers={"Subject": "Mine"}))["Subject"] == "Mine"


@pytest.mark.parametrize("subject", ["Re: x", "RE: x", "AW: x", "re[2]: x", "回复：x", "SV: x"])
def test_one_re_is_enough(subject: str) -> None:
    parent = f"Message-ID: <1@x>\nSubject: {subject}\n\n".encode()
    assert answered(parent).reply_subject == subject


def test_without_references_the_mail_that_it_answered_is_the_one_before() -> None:
    assert answered(b"Message-ID: <2@x>\nIn-Reply-To: <1@x>\n\n").references == ("<1@x>",)


@pytest.mark.parametrize(
    "value",
    [
        "x",
        "<a b@x>",
        "<1@x> <2@x>",
        "<1@x\r\nBcc: e@x>",
        b"Subject: x\n\n",
        b"",
        b"Message-ID: <a>\n\n",
        b"\xff\x00",
    ],
)
def test_what_can_not_be_answered_is_an_error(value: Any) -> None:
    with pytest.raises(MessageError, match="in_reply_to: ") if value else pytest.raises(MessageError):
        answered(value)
    if value:
        with pytest.raises(MessageError, match="in_reply_to: "):
            email(in_reply_to=value)


def test_an_empty_file_can_not_be_answered() -> None:
    with pytest.raises(MessageError, match="in_reply_to: the mail that is to be answered has no Message-ID"):
        email(in_reply_to=b"")


@pytest.mark.parametrize(
    "made", ["<a..b@x>", "<urn:uuid:1@x>", "<a[1],2@x>", "<.1@x_y>", "<a@b@c>", "<a@x.>"]
)
def test_a_mail_whose_program_made_odd_ids_is_answered_by_those(made: str) -> None:
    sent = octets(email(in_reply_to=f"Message-ID: {made}\nReferences: <1@x>\n\n".encode()))
    assert f"\r\nIn-Reply-To: {made}\r\nReferences: <1@x> {made}\r\n".encode() in sent
    sent = octets(email(in_reply_to=f"Message-ID: <2@x>\nReferences: {made}\n\n".encode()))
    assert f"\r\nReferences: {made} <2@x>\r\n".encode() in sent


@pytest.mark.parametrize(
    "answer", [f"<{'a' * 896}@x>", f"Message-ID: <{'a' * 450}@{'b' * 450}>\nReferences: <1@x>\n\n".encode()]
)
def test_an_id_of_any_length_that_is_accepted_can_be_sent(answer: Any) -> None:
    sent = octets(email(in_reply_to=answer, thread="a container"))
    made = answer.encode() if isinstance(answer, str) else answer.split()[1]
    assert b"\r\n " + made + b"\r\n" in sent
    assert max(map(len, sent.split(b"\r\n"))) <= 998


def test_a_subject_of_a_strangers_mail_brings_no_header_along() -> None:
    parent = b"Message-ID: <1@x>\nSubject: =?utf-8?q?x=0D=0ABcc=3A_e@x?=\n\n"
    mail = email(in_reply_to=parent)
    assert "Bcc" not in read(mail)
    assert read(mail)["Subject"] == "Re: x Bcc: e@x"


def test_a_long_thread_keeps_its_first_and_its_newest_ids() -> None:
    references = " ".join(f"<{n}@x>" for n in range(500)).encode()
    kept = str(
        read(email(in_reply_to=b"Message-ID: <500@x>\nReferences: " + references + b"\n\n"))["References"]
    ).split()
    assert (len(kept), kept[0], kept[-1], kept[1]) == (50, "<0@x>", "<500@x>", "<452@x>")


def test_mails_of_one_thread_have_the_same_reference_and_others_another() -> None:
    first, second, other = (read(email(thread=key)) for key in ("asset 1:7", "asset 1:7", "asset 1:8"))
    assert first["References"] == second["References"] == first["In-Reply-To"] == thread_id("asset 1:7")
    assert first["Message-ID"] != second["Message-ID"]
    assert other["References"] != first["References"]


def test_an_answer_inside_a_thread_belongs_to_both() -> None:
    mail = read(email(in_reply_to="<1@x>", thread="k"))
    assert mail["References"] == f"{thread_id('k')} <1@x>"
    assert mail["In-Reply-To"] == "<1@x>"


@pytest.mark.parametrize(
    ("importance", "fields"),
    [
        ("high", ("high", "1 (Highest)", "urgent")),
        (" High ", ("high", "1 (Highest)", "urgent")),
        ("normal", ("normal", "3", "normal")),
        ("low", ("low", "5 (Lowest)", "non-urgent")),
    ],
)
def test_importance_is_said_in_the_three_ways_that_readers_know(
    importance: str, fields: tuple[str, str, str]
) -> None:
    mail = read(email(importance=importance))
    assert (mail["Importance"], mail["X-Priority"], mail["Priority"]) == fields


def test_any_other_importance_is_an_error_and_none_writes_nothing() -> None:
    with pytest.raises(MessageError, match="importance: 'urgent' is neither high, normal nor low"):
        email(importance="urgent")
    assert {name for name, _ in headers_of(email())}.isdisjoint(
        {"Importance", "Priority", "X-Priority", "References"}
    )


def test_answers_go_to_reply_to() -> None:
    assert read(email(reply_to='"Doe, Jane" <j@x>; b@x'))["Reply-To"] == '"Doe, Jane" <j@x>, b@x'
    with pytest.raises(MessageError, match="reply_to: 'no one' is not a valid address"):
        email(reply_to="no one")


def test_a_header_that_is_given_replaces_the_one_made_from_a_parameter() -> None:
    given = {"reply-to": "h@x", "References": "<9@x>", "x-priority": "2"}
    message = email(reply_to="p@x", in_reply_to="<1@x>", importance="high", headers=given)
    mail = read(message)
    assert (mail["Reply-To"], mail["References"], mail["X-Priority"], mail["Importance"]) == (
        "h@x",
        "<9@x>",
        "2",
        "high",
    )
    for name in (b"reply-to:", b"references:", b"x-priority:"):
        assert octets(message).lower().count(b"\r\n" + name) == 1

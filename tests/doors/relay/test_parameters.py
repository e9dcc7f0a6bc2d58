"""Parameters on their way through: what the mail server can use is handed on, and nothing else."""

from __future__ import annotations

import pytest

from doors.relay.parameters import ADDED, for_mail, for_rcpt
from smtp.extensions import Extensions
from smtp.server.request import BadRequest, parse

ALL = Extensions({"SIZE": "", "8BITMIME": "", "SMTPUTF8": "", "DSN": "", "AUTH": "PLAIN"})
NOTHING = Extensions()
MAX = 10_000


def mail(parameters: str, offered: Extensions = ALL) -> tuple[str, ...]:
    return for_mail(parse(f"MAIL FROM:<a@x.test> {parameters}".encode()), offered, MAX)


def rcpt(parameters: str, offered: Extensions = ALL) -> tuple[str, ...]:
    return for_rcpt(parse(f"RCPT TO:<a@x.test> {parameters}".encode()), offered)


def test_a_server_with_everything_is_told_everything_but_who_logged_in() -> None:
    assert mail("SIZE=10 BODY=8bitmime RET=HDRS ENVID=a+2Bb AUTH=<> SMTPUTF8") == (
        f"SIZE={10 + ADDED}",
        "BODY=8BITMIME",
        "RET=HDRS",
        "ENVID=a+2Bb",
        "SMTPUTF8",
    )
    assert rcpt("NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@x.test") == (
        "NOTIFY=SUCCESS,DELAY",
        "ORCPT=rfc822;a@x.test",
    )


def test_a_server_with_nothing_is_told_nothing() -> None:
    assert mail("SIZE=10 BODY=7BIT RET=HDRS ENVID=a AUTH=b@x.test", NOTHING) == ()
    assert rcpt("NOTIFY=NEVER ORCPT=rfc822;a@x.test", NOTHING) == ()


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        (f"SIZE={MAX + 1}", 552),
        ("SIZE=x", 501),
        ("SIZE", 501),
        ("BODY=BINARYMIME", 504),
        ("SMTPUTF8=yes", 555),
        ("RET", 555),
        ("X-OTHER=1", 555),
    ],
)
def test_what_can_not_be_done_is_refused(parameters: str, code: int) -> None:
    with pytest.raises(BadRequest) as refused:
        mail(parameters)
    assert refused.value.reply.code == code


def test_smtputf8_is_not_promised_for_a_server_without_it() -> None:
    with pytest.raises(BadRequest):
        mail("SMTPUTF8", NOTHING)
    with pytest.raises(BadRequest) as refused:
        for_mail(parse("MAIL FROM:<jürgen@x.test>".encode()), ALL, MAX)
    assert refused.value.reply.code == 553


@pytest.mark.parametrize("parameters", ["SIZE=1", "NOTIFY", "X=1"])
def test_a_recipient_has_only_parameters_of_dsn(parameters: str) -> None:
    with pytest.raises(BadRequest):
        rcpt(parameters)

"""One line of a client: a value, or a refusal that says why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp import commands
from smtp.commands import Kind
from smtp.envelope import Address
from smtp.errors import InvalidValue
from smtp.server.request import BadRequest, Request, decoded, parse


@pytest.mark.parametrize(
    ("line", "address", "parameters"),
    [
        (b"MAIL FROM:<a@x.test>", "a@x.test", {}),
        (b"mail from:<a@x.test>", "a@x.test", {}),
        (b"MAIL FROM:sender@transparentproxy.com", "sender@transparentproxy.com", {}),
        (b"MAIL FROM: <a@x.test>  SIZE=12 BODY=8BITMIME", "a@x.test", {"SIZE": "12", "BODY": "8BITMIME"}),
        (b"MAIL FROM:a@x.test smtputf8", "a@x.test", {"SMTPUTF8": ""}),
        (b"MAIL FROM:<@one.test,@two.test:a@x.test>", "a@x.test", {}),
        (b'MAIL FROM:<"a b>"@x.test> ENVID=q', '"a b>"@x.test', {"ENVID": "q"}),
        (b'MAIL FROM:"a \\" b"@x.test', '"a \\" b"@x.test', {}),
        ("MAIL FROM:<jürgen@straße.test> SMTPUTF8".encode(), "jürgen@straße.test", {"SMTPUTF8": ""}),
        (b"MAIL FROM:<a@[192.0.2.1]>", "a@[192.0.2.1]", {}),
        (b"MAIL FROM:<>", None, {}),
        (b"MAIL FROM:<> AUTH=<>", None, {"AUTH": "<>"}),
    ],
)
def test_mail_is_read_as_people_and_programs_write_it(
    line: bytes, address: str | None, parameters: dict[str, str]
) -> None:
    request = parse(line)
    assert request.kind is Kind.MAIL
    assert (None if request.address is None else str(request.address)) == address
    assert request.parameters == parameters


@given(
    st.text(st.sampled_from("aZ9-._"), max_size=70) | st.sampled_from(["a" * 64, "a" * 65]),
    st.text(st.sampled_from("aZ9-._"), max_size=70)
    | st.sampled_from(
        ["b" * 63, "b" * 64, ".".join(["b" * 63] * 3), ".".join(["b" * 47] * 4), ".".join(["b" * 46] * 4)]
    ),
)
def test_what_is_read_as_an_address_is_one_and_nothing_else_is(local_part: str, domain: str) -> None:
    try:
        expected: Address | None = Address(local_part, domain)
    except InvalidValue:
        expected = None
    try:
        read = parse(f"RCPT TO:<{local_part}@{domain}>".encode()).address
    except BadRequest:
        read = None
    written_plainly = expected is not None and not str(expected).startswith('"')
    assert read == (expected if written_plainly else None)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"NONSENSE", 500),
        (b"// Token Format: user=...", 500),
        (b"MAIL", 501),
        (b"MAIL TO:<a@x.test>", 501),
        (b"MAIL FROM <a@x.test>", 501),
        (b"MAIL FROM:<a@x.test", 501),
        (b"MAIL FROM:<a@x.test>SIZE=1", 501),
        (b"MAIL FROM:<a@x.test> SIZE=1 size=2", 501),
        (b"MAIL FROM:<a@x.test> =1", 501),
        (b"MAIL FROM:<a b@x.test>", 501),
        (b"MAIL FROM:<a@x.test> ORCPT=a=b", 501),
        (b"RCPT TO:<>", 501),
        (b"RCPT TO:<a>", 501),
        (b"RCPT TO:<a@b@c.test>", 501),
        (b"RCPT TO:<a@-x.test>", 501),
        (b'RCPT TO:<"a"b@x.test>', 501),
        (b'RCPT TO:<"a@x.test>', 501),
        (b"RCPT TO:<a@x.test\r>", 500),
        (b"RCPT TO:<a\x00@x.test>", 500),
        (b"RCPT TO:<\xff@x.test>", 500),
        (b"DATA now", 501),
        (b"RSET x", 501),
        (b"EHLO", 501),
        (b"BDAT", 501),
        (b"BDAT -1 LAST", 501),
        (b"BDAT 1 FIRST", 501),
        (b"BDAT 99999999999999999999", 501),
        (b"AUTH", 501),
        (b"AUTH PLAIN ???", 501),
        (b"AUTH plain *", 501),
        (b"AUTH a/b", 501),
    ],
)
def test_what_is_not_right_is_refused_with_a_reason(line: bytes, code: int) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(line)
    assert refused.value.reply.code == code
    assert refused.value.reply.text.isascii()
    assert refused.value.reply.enhanced_code.startswith("5.")


def test_the_rest_of_the_commands() -> None:
    assert parse(b"EHLO me.test") == Request(Kind.EHLO, text="me.test")
    assert parse(b"BDAT 12") == Request(Kind.BDAT, octets=12)
    assert parse(b"bdat 0 last") == Request(Kind.BDAT_LAST)
    assert parse(b"AUTH PLAIN AGEAYg==") == Request(Kind.AUTH, text="PLAIN", response=b"\0a\0b")
    assert parse(b"AUTH XOAUTH2 =") == Request(Kind.AUTH, text="XOAUTH2", response=b"")
    assert parse(b"AUTH login") == Request(Kind.AUTH, text="LOGIN")
    assert parse(b"NOOP what ever").kind is parse(b"HELP").kind is Kind.NOOP
    assert parse(b"QUIT ").kind is Kind.QUIT


def test_the_answer_to_a_challenge_is_base64_or_a_cancellation() -> None:
    assert decoded(b"YWJj") == b"abc"
    assert decoded(b"") == b""
    for line in (b"*", b"YWJ", b"a b"):
        with pytest.raises(BadRequest):
            decoded(line)


def test_a_response_is_not_in_what_a_request_shows_of_itself() -> None:
    assert "secret" not in repr(parse(b"AUTH PLAIN AHVzZXIAc2VjcmV0"))


@given(
    st.builds(
        Address,
        st.text(
            st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1
        ).filter(lambda text: len(text.encode()) <= 60 and "\x7f" not in text),
        st.sampled_from(["x.test", "[192.0.2.1]", "straße.test"]),
    )
)
def test_what_our_client_writes_is_the_address_that_is_read(address: Address) -> None:
    line = commands.rcpt(address, ("NOTIFY=NEVER",)).line.removesuffix(b"\r\n")
    request = parse(line)
    assert request.address == address
    assert request.parameters == {"NOTIFY": "NEVER"}

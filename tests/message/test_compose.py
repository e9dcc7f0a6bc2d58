"""Composed messages, as another mail reader reads them and as the server is told about them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from message.compose import Message
from message.errors import Lack, MessageError
from message.headers import MESSAGE_ID
from smtp.envelope import Body
from tests.message.reading import email, headers_of, html_email, octets, read, stored, text_of
from tests.support.growth import grows_linearly


def test_plain_mail_is_one_part() -> None:
    message = email("Hello", subject="Test", cc="Ann <ann@example.com>")
    assert [name for name, _ in headers_of(message)] == [
        "From",
        "To",
        "Cc",
        "Subject",
        "Date",
        "Message-ID",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ]
    assert text_of(message) == "Hello"
    assert message.envelope.body is Body.SEVEN_BIT
    assert octets(message).endswith(b"\r\n\r\nHello\r\n")


def test_date_is_now_and_message_id_is_new_and_of_the_senders_domain() -> None:
    first, second = email(sender="a@bücher.example"), email(sender="a@bücher.example")
    assert first.message_id == read(first)["Message-ID"]
    assert first.message_id != second.message_id
    assert first.message_id.endswith("@xn--bcher-kva.example>")
    assert re.fullmatch(MESSAGE_ID, first.message_id)
    assert abs(parsedate_to_datetime(read(first)["Date"]) - datetime.now(UTC)) < timedelta(seconds=5)


_LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=300)


@settings(max_examples=100)
@given(_LINES | st.text("ab=. \t\r\né", max_size=300), st.booleans())
@example(".\r\n..\n.a\r", True)
@example("x" * 999, True)
@example("é" * 600, True)
@example("é" * 600, False)
@example("a" * 3000 + "é", False)
@example("trailing space \nand tab\t", False)
@example("From here\n.\n", False)
def test_text_arrives_as_it_was_with_only_line_ends_made_one(text: str, eight_bit: bool) -> None:
    message = email(text, eight_bit=eight_bit)
    data = octets(message)
    assert data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r")
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert eight_bit or data.isascii()
    assert (message.envelope.body is Body.EIGHT_BIT) == (not data.isascii())
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    payload = read(message).get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode().replace("\r\n", "\n").removesuffix("\n") == lines


@pytest.mark.parametrize(
    ("text", "eight_bit", "encoding"),
    [
        ("plain", False, "7bit"),
        ("x" * 998, False, "7bit"),
        ("x" * 999, True, "quoted-printable"),
        ("Grüße", True, "8bit"),
        ("Some words with an ü in it", False, "quoted-printable"),
        ("日本語", False, "base64"),
        ("ü" * 499, True, "8bit"),
        ("ü" * 500, True, "base64"),
    ],
)
def test_transfer_encoding_is_what_the_server_can_take_and_the_shorter(
    text: str, eight_bit: bool, encoding: str
) -> None:
    message = read(email(text, eight_bit=eight_bit))
    assert message["Content-Transfer-Encoding"] == encoding
    assert message["Content-Type"] == 'text/plain; charset="utf-8"'
    assert text_of(message) == text


HTML = "<!DOCTYPE html>\n<html><body><p>Grüße &amp; <b>more</b></p></body></html>"


def test_html_body_brings_a_text_that_can_be_read() -> None:
    message = read(email(f"  \n{HTML}"))
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert (text.get_content_type(), text_of(text)) == ("text/plain", "Grüße & more")
    assert (html.get_content_type(), text_of(html).strip()) == ("text/html", HTML)


@pytest.mark.parametrize(
    "body", ["<p>Not a document</p>", "See <html>", "<htmlx>", "<!DOCTYPE htmlx>", "<html-x>"]
)
def test_what_does_not_say_that_it_is_html_is_plain(body: str) -> None:
    assert read(email(body)).get_content_type() == "text/plain"


def test_attachments_come_after_the_text(tmp_path: Path) -> None:
    message = read(email(HTML, (stored(tmp_path, "a.pdf", b"%PDF"), stored(tmp_path, "b.txt", b"b"))))
    assert message.get_content_type() == "multipart/mixed"
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "multipart/alternative",
        "application/pdf",
        "text/plain",
    ]
    assert [part.get_filename() for part in message.iter_attachments()] == ["a.pdf", "b.txt"]


def test_html_email_puts_inline_files_beside_the_html_and_others_around_it(tmp_path: Path) -> None:
    files = (stored(tmp_path, "logo.png", b"PNG", "<logo@x>"), stored(tmp_path, "report.pdf", b"PDF"))
    message = html_email('<p>Hi</p><img src="cid:logo@x">', "Hi there", files)
    mixed = read(message)
    related, report = mixed.iter_parts()
    alternative, logo = related.iter_parts()
    text, html = alternative.iter_parts()
    assert [p.get_content_type() for p in (mixed, related, alternative)] == [
        "multipart/mixed",
        "multipart/related",
        "multipart/alternative",
    ]
    assert related["Content-Type"].params["type"] == "multipart/alternative"
    assert (text.get_content(), report.get_content()) == ("Hi there", b"PDF")
    assert 'src="cid:logo@x"' in html.get_content()
    assert (logo["Content-ID"], logo.get_filename(), logo.get_content_disposition()) == (
        "<logo@x>",
        "logo.png",
        "inline",
    )
    assert message.warnings == ()


def test_html_email_without_files_is_an_alternative_with_a_rendered_text() -> None:
    message = read(html_email("<h1>Alert</h1><p>Look &amp; act</p>"))
    assert message.get_content_type() == "multipart/alternative"
    text, _html = message.iter_parts()
    assert text_of(text) == "Alert\n\nLook & act"


def test_sanitising_can_be_switched_off() -> None:
    html = '<p onclick="x()">Hi</p><script>y()</script>'
    _text, as_given = read(html_email(html, sanitize=False)).iter_parts()
    _text, cleaned = read(html_email(html)).iter_parts()
    assert text_of(as_given) == html
    assert "<p>Hi</p>" in text_of(cleaned)
    assert "y()" not in text_of(cleaned)


def test_smtputf8_is_used_only_where_it_is_needed() -> None:
    assert not email(to="a@bücher.example").envelope.smtputf8
    message = email(to="jörg@bücher.example", cc="b@x")
    assert message.envelope.smtputf8
    assert str(message.envelope.recipients[0]) == "jörg@bücher.example"
    assert "To: jörg@bücher.example\r\n".encode() in octets(message)
    assert message.envelope.body is Body.EIGHT_BIT


def test_without_smtputf8_domains_are_ascii_in_envelope_and_header() -> None:
    message = email(
        to="Ä <a@bücher.example>, b@xn--bcher-kva.example, a@xn--bcher-kva.example", smtputf8=False
    )
    assert [str(a) for a in message.envelope.recipients] == [
        "a@xn--bcher-kva.example",
        "b@xn--bcher-kva.example",
    ]
    assert octets(message).isascii()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"to": "jörg@x"}, "to"),
        ({"cc": "jörg@x"}, "cc"),
        ({"bcc": "jörg@x"}, "bcc"),
        ({"sender": "jörg@x"}, "from"),
        ({"headers": {"Reply-To": "jörg@x"}}, "headers"),
    ],
)
def test_local_part_that_needs_smtputf8_and_can_not_have_it_fails_naming_the_setting(
    given: dict[str, Any], field: str
) -> None:
    with pytest.raises(MessageError) as caught:
        email(smtputf8=False, **given)
    (fault,) = caught.value.faults
    assert fault.field == field
    assert "'jörg@x'" in fault.text
    assert fault.lack is Lack.SMTPUTF8


def test_boundary_is_new_each_time_and_in_no_part() -> None:
    one, two = octets(email(HTML)), octets(email(HTML))
    boundaries = [re.findall(rb'boundary="([^"]+)"', data)[0] for data in (one, two)]
    assert boundaries[0] != boundaries[1]
    assert one.count(b"--" + boundaries[0]) == 3


def to_many(count: int) -> Message:
    to = ", ".join(f'"User {n}" <user{n}@bücher{n % 9}.example>' for n in range(count))
    return email(to=to, smtputf8=False)


def test_time_grows_with_the_recipients_only() -> None:
    assert grows_linearly(to_many, 2_500)


def test_mail_to_ten_thousand_names_them_all() -> None:
    message = to_many(10_000)
    assert len(message.envelope.recipients) == 10_000
    head = octets(message).partition(b"\r\n\r\n")[0]
    assert max(map(len, head.split(b"\r\n"))) <= 78

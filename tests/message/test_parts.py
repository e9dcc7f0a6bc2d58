"""What a composed message holds, read from its octets."""

from __future__ import annotations

from base64 import encodebytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from message.parts import MOST_PARTS, look_through


def octets(*lines: str) -> list[bytes]:
    return ["\r\n".join(lines).encode()]


def mail() -> bytes:
    message = EmailMessage(policy=SMTP)
    message["Subject"] = "Grüße aus Köln " * 6
    message["From"] = "Jörg <j@example.com>"
    message.set_content("Größe\n")
    message.add_alternative("<p>Größe</p>\n", subtype="html")
    message.add_attachment(
        bytes(range(256)), maintype="image", subtype="png", filename="größe 1.png", cid="<a@b>"
    )
    return message.as_bytes()


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_a_mail_is_read_in_any_pieces(piece: int) -> None:
    data = mail()
    seen = look_through(data[start : start + piece] for start in range(0, len(data), piece))
    assert [(part.depth, part.type, part.name, part.content_id, part.size) for part in seen.parts] == [
        (0, "multipart/mixed", "", "", 281),
        (1, "multipart/alternative", "", "", 25),
        (2, "text/plain", "", "", 9),
        (2, "text/html", "", "", 16),
        (1, "image/png", "größe 1.png", "a@b", 256),
    ]
    assert (seen.text, seen.html) == ("Größe\n", "<p>Größe</p>\n")
    assert dict(seen.headers)["Subject"] == ("Grüße aus Köln " * 6).strip()
    assert dict(seen.headers)["From"] == "Jörg <j@example.com>"


@pytest.mark.parametrize("size", [0, 1, 2, 3, 55, 57, 58, 4000])
def test_the_size_of_base64_is_that_of_its_octets(size: int) -> None:
    body = encodebytes(bytes(size)).replace(b"\n", b"\r\n")
    head = b"Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    (part,) = look_through([head + body]).parts
    assert part.size == size


def test_a_header_alone_is_a_text_of_nothing() -> None:
    seen = look_through(octets("From: a@b", "Subject: x"))
    assert [(part.type, part.size) for part in seen.parts] == [("text/plain", 0)]
    assert seen.headers == [("From", "a@b"), ("Subject", "x")]


def test_an_attached_text_is_not_the_mails_own() -> None:
    seen = look_through(
        octets(
            "Content-Type: multipart/mixed; boundary=b",
            "",
            "preamble",
            "--b",
            "Content-Disposition: attachment; filename=a.txt",
            "",
            "attached",
            "--b",
            "",
            "own",
            "--b--",
            "epilogue",
        )
    )
    assert (seen.text, [part.name for part in seen.parts]) == ("own", ["", "a.txt", ""])


def test_a_boundary_left_open_ends_with_the_part_around_it() -> None:
    seen = look_through(
        octets(
            "Content-Type: multipart/mixed; boundary=outer",
            "",
            "--outer",
            "Content-Type: multipart/alternative; boundary=inner",
            "",
            "--inner",
            "",
            "text",
            "--outer",
            "Content-Type: image/png",
            "",
            "x",
        )
    )
    assert [(part.depth, part.type) for part in seen.parts] == [
        (0, "multipart/mixed"),
        (1, "multipart/alternative"),
        (2, "text/plain"),
        (1, "image/png"),
    ]
    assert seen.text == "text"


@pytest.mark.parametrize(
    "field",
    [
        "Content-Type: \x00/;;;=;charset",
        "Content-Type: text/html; charset=no-such-charset",
        "Content-Type: text/html; charset*0*=x''%; charset*1=%zz",
        "Content-Type: multipart/mixed; boundary*=utf-8''%ff%fe",
        "Content-Disposition: attachment; filename*=x'y",
        "Content-Disposition: attachment; filename*9999999999*=a; filename*0*=unknown-8bit'en'%E4",
        'Content-Disposition: attachment; filename="',
        "Content-ID: ",
        "Content-Transfer-Encoding: base64",
        "Content-Transfer-Encoding: \xff",
        f"Content-Type: text/plain; {';' * 5000}",
    ],
)
def test_what_strangers_write_is_shown_and_breaks_nothing(field: str) -> None:
    seen = look_through(octets(field, "", "=?=\xe4 body"))
    assert len(seen.parts) == 1


def test_nothing_is_listed_without_end() -> None:
    seen = look_through(
        [b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", b"--b\r\n\r\nx\r\n" * (MOST_PARTS + 5)]
    )
    assert len(seen.parts) == MOST_PARTS

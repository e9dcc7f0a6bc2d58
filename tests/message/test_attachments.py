"""Attachments: their names and bytes, and files that change between being looked up and being sent."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from base64 import encodebytes
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from message.attachments import Attachment, clean_name, encoded_lines, encoded_size
from message.errors import AttachmentChanged, MessageError
from smtp.content import EncodedLines
from tests.message.reading import email, html_email, octets, read, stored

BLOCK = 57 * 2300


@pytest.mark.parametrize("size", [0, 1, 56, 57, 58, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 1_000_003])
def test_attachment_arrives_byte_for_byte_and_its_size_was_known(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    message = email(attachments=(stored(tmp_path, "data.bin", data),))
    (part,) = read(message).iter_attachments()
    assert part.get_content() == data
    (record,) = message.attachments
    assert (record.name, record.size, record.sha256) == ("data.bin", size, hashlib.sha256(data).hexdigest())


@settings(max_examples=30)
@given(st.binary(max_size=500))
def test_base64_is_the_librarys_with_crlf(block: bytes) -> None:
    lines = encoded_lines(block)
    assert isinstance(lines, EncodedLines)
    assert lines == encodebytes(block).replace(b"\n", b"\r\n")
    assert len(lines) == encoded_size(len(block))


def test_content_can_be_read_again_from_the_beginning(tmp_path: Path) -> None:
    message = email(attachments=(stored(tmp_path, "data.bin", b"x" * 500_000),))
    assert octets(message) == octets(message)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    attachment = stored(tmp_path, "big.bin", b"\0" * 20_000_000)
    tracemalloc.start()
    try:
        assert sum(map(len, email(attachments=(attachment,)).content.chunks())) > 26_000_000
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("notes.txt", "text/plain"),
        ("page.HTML", "text/html"),
        ("data.json", "application/json"),
        ("archive.tar.gz", "application/octet-stream"),
        ("noextension", "application/octet-stream"),
        ("odd.xyzzy", "application/octet-stream"),
        ("data:text,html", "application/octet-stream"),
    ],
)
def test_type_follows_from_the_name_and_text_is_not_re_encoded(
    tmp_path: Path, name: str, content_type: str
) -> None:
    data = b"Gr\xfc\xdfe\r\nmixed\nline\rends\x00"
    (part,) = read(email(attachments=(stored(tmp_path, name, data),))).iter_attachments()
    assert part.get_content_type() == content_type
    assert part.get_payload(decode=True) == data


NAMES = [
    "plain.txt",
    "with space.txt",
    "résumé.pdf",
    "日本語の報告書.docx",
    'quo"te.txt',
    "=?utf-8?q?x?=.txt",
    "a;b.txt",
]


@pytest.mark.parametrize("name", [*NAMES, "x" * 200 + ".txt", "ü" * 120 + ".txt", "100%.txt", "a'b.txt"])
def test_attachment_keeps_its_name(tmp_path: Path, name: str) -> None:
    (part,) = read(email(attachments=(stored(tmp_path, name, b"x"),))).iter_attachments()
    assert part.get_filename() == name
    assert part["Content-Disposition"].params["filename"] == name
    assert part["Content-Type"].params["name"].isascii()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\evil.exe", "evil.exe"),
        ("a\r\nContent-Type: text/html", "html"),
        ("a\x00b.txt", "a_b.txt"),
        ("photo\u202egpj.exe", "photo_gpj.exe"),
        ("zero\u200bwidth.txt", "zero_width.txt"),
        ("half\ud800.txt", "half_.txt"),
        ("..", "attachment"),
        ("", "attachment"),
        ("dir/", "attachment"),
    ],
)
def test_name_that_could_do_harm_is_cleaned_with_a_warning(tmp_path: Path, name: str, expected: str) -> None:
    message = email(attachments=(stored(tmp_path, name, b"x"),))
    (part,) = read(message).iter_attachments()
    assert part.get_filename() == expected
    assert f"is sent as '{expected}'" in message.warnings[0]
    assert message.warnings[0].isprintable()


def test_endless_name_is_cut_and_keeps_its_ending() -> None:
    assert clean_name("x" * 10_000 + ".pdf") == "x" * 251 + ".pdf"


EML = b"From: a@x\r\nSubject: inner\r\n\r\nbody\r\n"


@pytest.mark.parametrize(
    ("data", "eight_bit", "encoding"),
    [
        (EML, False, "7bit"),
        (EML + b"no line end", False, "7bit"),
        (EML * 20_000, False, "7bit"),
        (EML + "Grüße\r\n".encode(), True, "8bit"),
    ],
)
def test_message_goes_as_a_message_when_its_bytes_survive(
    tmp_path: Path, data: bytes, eight_bit: bool, encoding: str
) -> None:
    message = email(attachments=(stored(tmp_path, "mail.eml", data),), eight_bit=eight_bit)
    (part,) = read(message).iter_attachments()
    assert (part.get_content_type(), part["Content-Transfer-Encoding"]) == ("message/rfc822", encoding)
    assert b"\r\n\r\n" + data + b"\r\n--" in octets(message)


@pytest.mark.parametrize(
    "data",
    [
        EML.replace(b"\r\n", b"\n"),
        EML + b"bare\n",
        EML + b"bare\rCR\r\n",
        EML + b"\x00",
        EML + b"x" * 999,
        EML + b"x" * 300_000,
        EML + b"end\r",
        EML + "Grüße".encode(),
        b"Subject: \xc3\xbc\r\n\r\n",
        b"no header at all\r\n",
        b"\r\n",
        b"",
    ],
)
def test_message_whose_bytes_would_not_survive_goes_as_octets(tmp_path: Path, data: bytes) -> None:
    message = email(attachments=(stored(tmp_path, "mail.eml", data),), eight_bit=False)
    (part,) = read(message).iter_attachments()
    assert part.get_content_type() == "application/octet-stream"
    assert part.get_content() == data


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.rename(path)


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def become_a_link(path: Path) -> None:
    other = path.with_name("other")
    path.rename(other)
    path.symlink_to(other)


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


CHANGES = [Path.unlink, truncate, grow, replace, touch, become_a_link, become_a_pipe]


def sent_before_the_error(chunks: Iterator[bytes]) -> bytes:
    sent = b""
    try:
        for chunk in chunks:
            sent += chunk
    except AttachmentChanged as exc:
        told = str(exc)
    else:
        pytest.fail("all of it was sent")
    assert told.startswith("'data.bin' (da39a3ee5e6b4b0d3255bfef95601890afd80709) ")
    return sent


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("size", [100, 300_000])
def test_file_that_changed_before_it_is_sent_is_never_sent(
    tmp_path: Path, change: Callable[[Path], None], size: int
) -> None:
    attachment = stored(tmp_path, "data.bin", os.urandom(size))
    message = email(attachments=(attachment,))
    change(attachment.path)
    sent = sent_before_the_error(message.content.chunks())
    assert not sent.endswith(b"--\r\n")
    assert message.attachments[0].sha256 == ""


@pytest.mark.parametrize("change", [truncate, grow, touch])
def test_file_that_changes_while_it_is_sent_is_never_sent_as_whole(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    attachment = stored(tmp_path, "data.bin", os.urandom(5 * BLOCK))
    message = email(attachments=(attachment,))
    chunks = message.content.chunks()
    sent = next(chunks) + next(chunks)
    change(attachment.path)
    sent += sent_before_the_error(chunks)
    assert len(sent) < encoded_size(4 * BLOCK) + 2000


def test_no_file_stays_open(tmp_path: Path) -> None:
    before = sorted(Path("/proc/self/fd").iterdir())
    attachment = stored(tmp_path, "data.bin", os.urandom(300_000))
    message = email(attachments=(attachment,))
    chunks = message.content.chunks()
    next(chunks), next(chunks)
    chunks.close()  # type: ignore[attr-defined] # a generator, given up half-way as a broken connection does
    octets(message)
    attachment.path.unlink()
    sent_before_the_error(message.content.chunks())
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_every_file_that_can_not_be_attached_is_named(tmp_path: Path) -> None:
    link, folder, pipe = tmp_path / "link", tmp_path / "folder", tmp_path / "pipe"
    good = stored(tmp_path, "good.txt", b"x")
    link.symlink_to(good.path)
    folder.mkdir()
    os.mkfifo(pipe)
    bad = [Attachment("id", path.name, path, 1) for path in (link, folder, pipe, tmp_path / "gone")]
    bad.append(Attachment("id", "resized", good.path, 2))
    bad.append(Attachment("id", "nul", Path("a\x00b"), 2))
    with pytest.raises(MessageError) as caught:
        email(attachments=(good, *bad))
    assert len(caught.value.faults) == 6
    for fault, attachment in zip(caught.value.faults, bad, strict=True):
        assert fault.field == "attachments"
        assert f"'{attachment.name}' (id) can't be attached: " in fault.text


@pytest.mark.parametrize(
    "content_id", ["a b", "a\r\nX: y", "a>b", "<a", "a<b", "<>", "ü", "x" * 251, "a\x00"]
)
def test_content_id_has_a_strict_grammar(tmp_path: Path, content_id: str) -> None:
    with pytest.raises(MessageError, match=r"attachments: its content_id .* is not a content id"):
        html_email("<p>x", attachments=(stored(tmp_path, "a.png", b"x", content_id),))


def test_same_content_id_twice_is_an_error(tmp_path: Path) -> None:
    files = (stored(tmp_path, "a.png", b"x", "logo"), stored(tmp_path, "b.png", b"y", "<logo>"))
    with pytest.raises(MessageError, match="attachments: its content_id 'logo' is given to two attachments"):
        html_email("<img src=cid:logo>", attachments=files)


def test_same_file_twice_without_content_id_is_sent_twice(tmp_path: Path) -> None:
    attachment = stored(tmp_path, "a.txt", b"x")
    assert len(list(read(email(attachments=(attachment, attachment))).iter_attachments())) == 2


def test_references_without_their_other_side_are_warnings(tmp_path: Path) -> None:
    files = (stored(tmp_path, "a.png", b"x", "there"), stored(tmp_path, "b.png", b"y", "unused"))
    message = html_email('<img src="cid:there"><img src="cid:lost%20one">', attachments=files)
    assert message.warnings == (
        "the HTML refers to cid:lost one, which no attachment has",
        "the HTML does not refer to the content id unused",
    )


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("a.pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
        ("a.odt", "application/vnd.oasis.opendocument.text"),
        ("a.ics", "text/calendar"),
        ("a.vcf", "text/vcard"),
        ("a.pdf", "application/pdf"),
        ("a.tar.gz", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
    ],
)
def test_what_offices_send_has_its_type(tmp_path: Path, name: str, content_type: str) -> None:
    message = read(email(attachments=(stored(tmp_path, name, b"x"),)))
    (part,) = message.iter_attachments()
    assert part.get_content_type() == content_type


@pytest.mark.parametrize(
    "name", ["\u0646\u0627\u0645\u0647\u200c\u0647\u0627.pdf", "\U0001f469\u200d\U0001f4bb.png"]
)
def test_joiners_that_spell_a_name_are_kept(tmp_path: Path, name: str) -> None:
    message = email(attachments=(stored(tmp_path, name, b"x"),))
    (part,) = read(message).iter_attachments()
    assert part.get_filename() == name
    assert message.warnings == ()

"""Header fields: whatever goes in comes out of another reader, and no line is longer than it may be."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import formatdate

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from message import mime
from message.errors import MessageError

TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=300)
LONG_WORDS = st.text("ab é日😀 ", max_size=400)
NAMES = st.sampled_from(["Subject", "X-A", "X-Rather-Long-Header-Name-To-Begin-With"])


def read(field: str, *, longest: int = 78) -> EmailMessage:
    lines = field.encode().split(b"\r\n")
    assert lines.pop() == b""
    assert all(line.strip() for line in lines)
    assert max(map(len, lines)) <= longest
    assert not [line for line in lines[1:] if not line.startswith(b" ")]
    message = message_from_bytes(field.encode() + b"\r\nbody", policy=policy.default)
    assert len(message.keys()) == 1
    assert not message.defects
    return message


@settings(max_examples=150)
@given(NAMES, TEXT | LONG_WORDS)
@example("Subject", "=?utf-8?q?x=0D=0ABcc:_evil@example.com?=")
@example("Subject", "x" * 2000)
@example("Subject", " " * 950 + "x" + " " * 950 + "y")
@example("Subject", "a  b   c " * 30)
@example("Subject", "😀" * 60)
@example("X-A", "")
def test_text_reads_back_as_it_was(name: str, text: str) -> None:
    message = read(mime.unstructured(name, text), longest=998)
    assert message[name] == text.strip()


@settings(max_examples=100)
@given(NAMES, st.text("abcé日😀,;. ", max_size=300))
def test_lines_of_short_words_and_encoded_words_stay_short(name: str, text: str) -> None:
    words = [word[:30] for word in text.split()]
    read(mime.unstructured(name, " ".join(words)), longest=78)


_DISPLAY_NAMES = TEXT.map(lambda name: " ".join(name.split()))
_SPECS = st.sampled_from(
    ["a@example.com", '"a b"@example.com', f"{'x' * 64}@{'y' * 60}.example", "jörg@example.com"]
)


@settings(max_examples=150)
@given(st.lists(st.tuples(_DISPLAY_NAMES, _SPECS), min_size=1, max_size=6))
@example([("Doe, Jane", "a@example.com"), ('q"\\', "b@example.com"), ("=?utf-8?q?x?=", "c@example.com")])
@example([("é" * 21, "a@example.com")])
def test_mailboxes_read_back_as_they_were(mailboxes: list[tuple[str, str]]) -> None:
    header = read(mime.address_list("To", mailboxes), longest=200)["To"]
    found = [a.addr_spec.encode(errors="surrogateescape").decode() for a in header.addresses]
    assert found == [spec for _, spec in mailboxes]
    for address, (name, _) in zip(header.addresses, mailboxes, strict=True):
        if len(name.encode()) <= 42:  # beyond, that reader puts a space between two encoded words
            assert address.display_name == name


@settings(max_examples=100)
@given(TEXT)
@example("日本語" * 40)
def test_long_name_in_several_encoded_words_has_no_character_split(name: str) -> None:
    words = mime.encoded_words(name)
    assert all(len(word) <= 75 for word in words)
    assert "".join(str(make_header(decode_header(word))) for word in words) == name


@settings(max_examples=150)
@given(TEXT)
@example("résumé 日本.pdf")
@example('a"b\\c.txt')
@example("x" * 300)
@example("100%25.txt")
@example("'quoted'.txt")
def test_file_name_reads_back_as_it_was(name: str) -> None:
    field = mime.parameterised("Content-Disposition", "attachment", [("filename", name)])
    message = read(field)
    assert message["Content-Disposition"].params["filename"] == name
    assert message_from_bytes(field.encode() + b"\r\n").get_filename() == message.get_filename()


@pytest.mark.parametrize(
    "bad", ["\r\nBcc: evil@example.com", "\n", "\r", "\x00", "\t", "\x7f", "\x85", "\u2028", "\ud83d"]
)
def test_control_characters_are_refused_naming_the_field(bad: str) -> None:
    writes: tuple[Callable[[], str], ...] = (
        lambda: mime.unstructured("X-A", f"a{bad}b"),
        lambda: mime.as_it_is("X-A", f"a{bad}b"),
        lambda: mime.address_list("X-A", [(f"a{bad}b", "a@x")]),
        lambda: mime.address_list("X-A", [("", f"a{bad}b@x")]),
        lambda: mime.parameterised("X-A", "x", [("name", f"a{bad}b")]),
    )
    for write in writes:
        with pytest.raises(MessageError, match=r"^X-A: "):
            write()


@pytest.mark.parametrize("name", ["", "X A", "X:", "X\r\nBcc", "Ü", "X\x00", "x" * 77])
def test_name_that_is_none_is_known(name: str) -> None:
    assert mime.problem_of_name(name)
    assert not mime.problem_of_name("X-A")


def test_words_that_mean_something_are_folded_but_never_encoded() -> None:
    ids = " ".join(f"<{n}.{'x' * 40}@example.com>" for n in range(20))
    field = mime.as_it_is("References", ids)
    assert read(field)["References"] == ids
    assert "=?" not in field
    for unfit in ("", "é", "x" * 1000):
        with pytest.raises(MessageError, match="References"):
            mime.as_it_is("References", unfit)


def test_a_date_is_in_english_whatever_the_locale_is() -> None:
    assert mime.date(0) == "Thu, 01 Jan 1970 00:00:00 +0000"
    assert mime.date(1_772_323_199.9) == "Sat, 28 Feb 2026 23:59:59 +0000"
    for days in range(0, 400, 13):
        assert mime.date(days * 86_400) == formatdate(days * 86_400, usegmt=True).replace("GMT", "+0000")

"""A message as octets: its header fields, and its parts with a body each (RFC 5322, RFC 2045 to 2047, RFC 2231).

Fields are folded, quoted and encoded so that they read back as the same value. The standard library's own folding
(`email.policy.default`) mangles some address lists in the Pythons that this runs on and costs more than all the rest
of a small message, so fields are laid out here: a field is a name and tokens that may be put on separate lines. The
encoding itself is the library's. The bodies of attachments are read only when they are sent.
"""

from __future__ import annotations

import re
import time
from binascii import b2a_qp
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from message.base64 import encoded_lines, encoded_size
from message.errors import Fault, MessageError, shown
from smtp.content import CHUNK_SIZE, Content, Octets
from smtp.text import LONGEST_LINE, NOT_IN_A_LINE

if TYPE_CHECKING:
    from message.attachments import File, Sent

LINE = 76
"""Where lines end if that can be had, in characters (RFC 2047 section 2; RFC 5322 section 2.1.1 allows two more)."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONGEST_QUOTED = 60
_LONGEST_NAME = 76
_NAME = re.compile(rf"[!-9;-~]{{1,{_LONGEST_NAME}}}")
_LONGEST_TOKEN = LONGEST_LINE - _LONGEST_NAME - len(": ")
# Spaces are read from the first of them on only: a long run of them at the end would cost its square.
_WORD = re.compile(r"(?<! ) *+[^ ]+")
_PLAIN_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ENCODED_CHARACTER = "%[C-F].(?:%[89AB].)+|%..|[^%]"
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"'})
_LINE_END = re.compile(rb"\r\n|\r|\n")

Segment = bytes | Content
"""A piece of a body: octets, or what is read as it is sent."""


def problem_of_name(name: str) -> str:
    """Why `name` can't be a field's name (RFC 5322 section 2.2), or ""."""
    return "" if _NAME.fullmatch(name) else "is not a header's name"


def problem_of_value(text: str) -> str:
    """Why `text` can't be in a field, or ""."""
    found = NOT_IN_A_LINE.search(text)
    if not found:
        return ""
    if "\ud800" <= found[0] <= "\udfff":
        return f"has {shown(found[0])}, which is half a character"
    return f"has a control character ({shown(found[0])}), such as a line break"


def unstructured(name: str, text: str) -> str:
    """A field of free text. Space around the text is dropped. Raises `MessageError` that names the field."""
    _check(name, text)
    text = text.strip()
    if text.isascii() and "=?" not in text:
        if len(name) + len(text) <= LINE - 2:
            return f"{name}: {text}\r\n"
        words = _WORD.findall(text)
        if max(map(len, words)) <= _LONGEST_TOKEN:
            return _folded(name, words[0], words[1:])
    first, *more = encoded_words(text, LINE - 2 - len(name))
    return _folded(name, first, [" " + word for word in more])


def as_it_is(name: str, text: str) -> str:
    """A field of ASCII words that mean something as they are (msg-ids, dates): folded, never encoded."""
    _check(name, text)
    words = _WORD.findall(text.strip())
    if not text.isascii() or not words or max(map(len, words)) > _LONGEST_TOKEN:
        raise MessageError([Fault(name, "needs ASCII words of a sensible length")])
    return _folded(name, words[0], words[1:])


def address_list(name: str, mailboxes: Sequence[tuple[str, str]]) -> str:
    """A field of (display name, addr-spec) pairs, at least one, folded between them."""
    tokens: list[str] = []
    for display_name, spec in mailboxes:
        _check(name, f"{display_name}{spec}")
        if display_name:
            tokens += _phrase(display_name)
            tokens.append(f" <{spec}>,")
        else:
            tokens.append(f" {spec},")
    tokens[-1] = tokens[-1][:-1]
    return _folded(name, tokens[0][1:], tokens[1:])


def parameterised(name: str, value: str, parameters: Iterable[tuple[str, str]]) -> str:
    """A MIME field: `value` and its parameters, RFC 2231 where they are long or not ASCII."""
    tokens = [value]
    for key, text in parameters:
        _check(name, text)
        tokens[-1] += ";"
        tokens += _parameter(key, text)
    return _folded(name, tokens[0], tokens[1:])


def date(seconds: float) -> str:
    """A moment, in seconds since 1970, as RFC 5322 section 3.3 writes it: in English, whatever the locale is."""
    moment = time.gmtime(seconds)
    day, month = _DAYS[moment.tm_wday], _MONTHS[moment.tm_mon - 1]
    return f"{day}, {moment.tm_mday:02} {month} {time.strftime('%Y %H:%M:%S', moment)} +0000"


def encoded_words(text: str, room: int = LINE - 1) -> list[str]:
    """`text` as RFC 2047 encoded words, no character split between two; the first has `room` characters."""
    from email.base64mime import header_encode

    data = text.encode()
    words: list[str] = []
    start, octets = 0, max(12, (min(room, 75) - len("=?utf-8?b??=")) // 4 * 3)
    while start < len(data):
        end = start + octets
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        words.append(header_encode(data[start:end], "utf-8"))
        start, octets = end, 45
    return words


def _check(name: str, text: str) -> None:
    """Nothing that could end a line gets past this module, whoever calls it."""
    if text.isascii() and text.isprintable():
        return
    if problem := problem_of_value(text):
        raise MessageError([Fault(name, problem)])


def _folded(name: str, first: str, more: Iterable[str]) -> str:
    """The field; each of `more` begins with the space that a line may be broken before.

    The first token stays beside the name: some readers take a field whose first line is blank for empty.
    """
    lines: list[str] = []
    line = f"{name}: {first}"
    for token in more:
        if len(line) + len(token) > LINE:
            lines.append(line)
            line = token
        else:
            line += token
    lines.append(line)
    return "\r\n".join(lines) + "\r\n"


def _phrase(name: str) -> list[str]:
    """A display name: as it is, quoted, or as encoded words; each token begins with a space."""
    if name.isascii() and "=?" not in name:
        text = name if _PLAIN_PHRASE.fullmatch(name) else f'"{name.translate(_ESCAPES)}"'
        if len(text) <= _LONGEST_QUOTED:
            return [f" {text}"]
        words = _WORD.findall(text)
        if max(map(len, words)) <= _LONGEST_TOKEN:
            return [f" {words[0].strip()}", *words[1:]]
    # Readers are known that keep the space between two encoded words of a name, so one is used if one will do.
    return [f" {word}" for word in encoded_words(name, LINE - len("Reply-To"))]


def _parameter(key: str, text: str) -> list[str]:
    if text.isascii() and "=?" not in text and len(text) <= _LONGEST_QUOTED:
        return [f' {key}="{text.translate(_ESCAPES)}"']
    from email.utils import encode_rfc2231

    encoded = encode_rfc2231(text, "utf-8")
    room = LINE - len(key) - len(" *99*=;")
    if len(encoded) <= room:
        return [f" {key}*={encoded}"]
    pieces = [""]
    for character in re.findall(_ENCODED_CHARACTER, encoded):
        if len(pieces[-1]) + len(character) > room:
            pieces.append("")
        pieces[-1] += character
    return [
        f" {key}*{number}*={piece}" + (";" if number < len(pieces) - 1 else "")
        for number, piece in enumerate(pieces)
    ]


class Part(NamedTuple):
    """A part: its fields, each ended by CRLF, and its body in pieces; the body needs no line end of its own."""

    fields: str
    body: tuple[Segment, ...]
    is_eight_bit: bool = False


def text(subtype: str, value: str, *, eight_bit: bool, method: str = "") -> Part:
    """Text as UTF-8: as it is when the server takes that, else in whichever encoding is shorter.

    `method` says what is to be done with a calendar (RFC 6047 section 2.4).
    """
    data = with_crlf(value.encode())
    is_ascii = value.isascii()
    what_to_do = f"; method={method}" if method else ""
    content_type = f"Content-Type: text/{subtype}; charset=utf-8{what_to_do}\r\n"
    if (is_ascii or eight_bit) and (len(data) <= LONGEST_LINE or not has_long_line(data)):
        encoding = "7bit" if is_ascii else "8bit"
        return Part(f"{content_type}Content-Transfer-Encoding: {encoding}\r\n", (data,), not is_ascii)
    encoding, data = encoded(data)
    return Part(f"{content_type}Content-Transfer-Encoding: {encoding}\r\n", (data,))


def attachment(file: File, sent: Sent, *, eight_bit: bool) -> Part:
    """A file: base64, or as it is when it is a message that survives that; inline if it has a content id."""
    content_type, encoding = file.form(eight_bit=eight_bit)
    headers = [
        parameterised("Content-Type", content_type, [("name", _ascii_name(file.name))]),
        f"Content-Transfer-Encoding: {encoding}\r\n",
        parameterised(
            "Content-Disposition", "inline" if file.content_id else "attachment", [("filename", file.name)]
        ),
    ]
    if file.content_id:
        headers.append(f"Content-ID: <{file.content_id}>\r\n")
    content = file.content(sent, encoded=encoding == "base64")
    return Part("".join(headers), (content,), encoding == "8bit")


def multipart(subtype: str, boundary: str, parts: Sequence[Part], **parameters: str) -> Part:
    """The parts as one, `boundary` between them, which occurs in none of them."""
    is_eight_bit = any(part.is_eight_bit for part in parts)
    headers = parameterised(
        "Content-Type", f"multipart/{subtype}", [*parameters.items(), ("boundary", boundary)]
    )
    body: list[Segment] = []
    for part in parts:
        lead = "\r\n" if body else ""
        body += (f"{lead}--{boundary}\r\n{part.fields}\r\n".encode(), *part.body)
    body.append(f"\r\n--{boundary}--\r\n".encode())
    encoding = "Content-Transfer-Encoding: 8bit\r\n" if is_eight_bit else ""
    return Part(headers + encoding, tuple(body), is_eight_bit)


def with_crlf(data: bytes) -> bytes:
    """`data` with every line end as CRLF, and none added."""
    if b"\n" not in data and b"\r" not in data:
        return data
    return _LINE_END.sub(b"\r\n", data)


def has_long_line(data: bytes) -> bool:
    """Whether a line of a text with CRLF line ends is longer than RFC 5322 section 2.1.1 allows."""
    return max(map(len, data.split(b"\r\n"))) > LONGEST_LINE


def encoded(data: bytes) -> tuple[str, bytes]:
    """The name of the shorter transfer encoding for a text with CRLF line ends, and the encoded text."""
    quoted = b2a_qp(data, istext=True)
    if b"\r\n" not in data:
        quoted = quoted.replace(b"\n", b"\r\n")  # soft line breaks; there are no others
    if len(quoted) <= encoded_size(len(data)):
        return "quoted-printable", quoted
    return "base64", encoded_lines(data)


class Segments:
    """Content made of pieces, those in memory joined."""

    def __init__(self, segments: Iterable[Segment]) -> None:
        self._segments = tuple(_joined(segments))
        self.size = sum(len(s) if isinstance(s, bytes) else s.size for s in self._segments)

    def chunks(self) -> Iterator[bytes]:
        for segment in self._segments:
            if isinstance(segment, bytes):
                for start in range(0, len(segment), CHUNK_SIZE):
                    yield segment[start : start + CHUNK_SIZE]
            else:
                yield from segment.chunks()


def content(head: str, part: Part) -> Content:
    """A whole message: `head` is its own fields, and `part` all the rest."""
    segments = (f"{head}{part.fields}\r\n".encode(), *part.body)
    in_memory = [segment for segment in segments if isinstance(segment, bytes)]
    return Octets(b"".join(in_memory)) if len(in_memory) == len(segments) else Segments(segments)


def _joined(segments: Iterable[Segment]) -> Iterator[Segment]:
    memory: list[bytes] = []
    for segment in segments:
        if isinstance(segment, bytes):
            memory.append(segment)
            continue
        yield b"".join(memory)
        memory.clear()
        yield segment
    yield b"".join(memory)


def _ascii_name(name: str) -> str:
    """The name for readers that know no RFC 2231; the true one is in Content-Disposition."""
    if name.isascii():
        return name
    from unicodedata import normalize

    plain = normalize("NFKD", name).encode("ascii", "ignore").decode().strip()
    stem = plain.rpartition(".")[0] if "." in plain else plain
    return plain if stem.strip() else f"attachment{plain}"

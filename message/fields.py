"""Header fields on their way out: folded, quoted and encoded so that they read back as the same value.

The standard library's own folding (`email.policy.default`) mangles some address lists in the Pythons that this
runs on and costs more than all the rest of a small message, so fields are laid out here: a field is a name and
tokens that may be put on separate lines. The encoding itself (RFC 2047, RFC 2231) is the library's.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence

from message.errors import Fault, MessageError, shown
from smtp.text import NOT_IN_A_LINE

LINE = 76
"""Where lines end if that can be had, in characters (RFC 2047 section 2; RFC 5322 section 2.1.1 allows two more)."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONGEST_TOKEN = 900
_LONGEST_QUOTED = 60
_NAME = re.compile(r"[!-9;-~]{1,76}")
# Spaces are read from the first of them on only: a long run of them at the end would cost its square.
_WORD = re.compile(r"(?<! ) *+[^ ]+")
_PLAIN_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ENCODED_CHARACTER = "%[C-F].(?:%[89AB].)+|%..|[^%]"
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"'})


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

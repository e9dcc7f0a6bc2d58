"""One line of a client, taken apart (RFC 5321 section 4.1.1): a value comes out, or a refusal."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from smtp.commands import Kind
from smtp.envelope import MAX_LOCAL_PART, MAX_PATH, Address
from smtp.errors import InvalidValue
from smtp.reply import Reply
from smtp.text import NOT_IN_A_LINE, repr_without, showable

MAX_CHUNK = 2**40
"""Octets that a BDAT command may announce; what is too large is refused by the size of the message."""
_WORDS = MappingProxyType(
    {
        "EHLO": Kind.EHLO,
        "HELO": Kind.HELO,
        "STARTTLS": Kind.STARTTLS,
        "AUTH": Kind.AUTH,
        "MAIL": Kind.MAIL,
        "RCPT": Kind.RCPT,
        "DATA": Kind.DATA,
        "BDAT": Kind.BDAT,
        "RSET": Kind.RSET,
        "NOOP": Kind.NOOP,
        "HELP": Kind.NOOP,
        "VRFY": Kind.VRFY,
        "QUIT": Kind.QUIT,
    }
)
_NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})
_ALONE = frozenset({Kind.STARTTLS, Kind.DATA, Kind.RSET, Kind.QUIT})
_ATOM = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = rb"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# What nearly every MAIL and RCPT is: in angle brackets, ASCII, and nothing that is quoted, a route or a literal. What
# the pattern lets pass, and is no longer than a path may be, is an address by all the rules that there are for one.
_PLAIN = re.compile(
    rb"(?:(MAIL FROM)|RCPT TO):<(?=[^@]{1,%d}@)(?=[^>]{1,%d}>)(%b(?:\.%b)*)@(%b(?:\.%b)*)>(?: +([ -~]*))?"
    % (MAX_LOCAL_PART, MAX_PATH, _ATOM, _ATOM, _LABEL, _LABEL),
    re.IGNORECASE,
)
# Nothing in it that could be quoted, escaped, a route or a literal.
_SIMPLE_PATH = re.compile(r'<([^<>"\\\s:]+)>(?=[ \t]|\Z)')
_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}")
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?")
_CHUNK = re.compile(r"([0-9]{1,13})(?: +(LAST))?", re.IGNORECASE)


class Request(NamedTuple):
    """A command as it came. Only what belongs to its kind is filled in.

    `text` is the name in EHLO, the mechanism in AUTH, the word behind VRFY. `parameters` are those of MAIL and RCPT by
    their names in upper case, a value "" where there is none. `octets` is the size of a chunk. `response` is what AUTH
    brought with it, decoded; None for nothing.
    """

    kind: Kind
    text: str = ""
    address: Address | None = None
    parameters: Mapping[str, str] = _NO_PARAMETERS
    octets: int = 0
    response: bytes | None = None

    def __repr__(self) -> str:
        """Without `response`, which is a secret."""
        return repr_without({"response"}, "Request", self._asdict())


_MAIL, _RCPT = Kind.MAIL, Kind.RCPT
_DATA = Request(Kind.DATA)


class BadRequest(ValueError):
    """A line that is no command, or not a right one. `reply` says so to the client."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.reply = Reply(code, (text,))


def parse(line: bytes) -> Request:
    """The command in a line without its line end. Raises `BadRequest`."""
    if line == b"DATA":
        return _DATA
    if plain := _plain(line):
        return plain
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise BadRequest(500, "5.5.2 A command is text in UTF-8") from None
    if not text.isprintable() and NOT_IN_A_LINE.search(text.replace("\t", " ")):
        raise BadRequest(500, "5.5.2 A command has no control characters")
    word, _, rest = text.strip(" \t").partition(" ")
    rest = rest.strip(" \t")
    kind = _WORDS.get(word.upper())
    if kind is None:
        raise BadRequest(500, f"5.5.1 Command not known: {_shown(word)}")
    if kind in _ALONE:
        if rest:
            raise BadRequest(501, f"5.5.4 {word.upper()} takes no argument")
        return Request(kind)
    if kind is Kind.MAIL:
        return _path(kind, _behind(rest, "FROM", "MAIL FROM:<address>"))
    if kind is Kind.RCPT:
        return _path(kind, _behind(rest, "TO", "RCPT TO:<address>"))
    if kind is Kind.BDAT:
        return _bdat(rest)
    if kind is Kind.AUTH:
        return _auth(rest)
    if kind in (Kind.EHLO, Kind.HELO) and not rest:
        raise BadRequest(501, f"5.5.4 {word.upper()} takes the name of the client")
    return Request(kind, text=rest)


@lru_cache(512)  # the same programs write to the same people again and again
def _plain(line: bytes) -> Request | None:
    """MAIL or RCPT in its usual form, else None. Raises `BadRequest`."""
    found = _PLAIN.fullmatch(line)
    if found is None:
        return None
    mail, local, domain, rest = found.groups()
    address = Address._make((local.decode(), domain.decode()))
    parameters = _parameters(rest.decode()) if rest else _NO_PARAMETERS
    return Request(_MAIL if mail else _RCPT, "", address, parameters)


def decoded(line: bytes) -> bytes:
    """The answer to a challenge, out of base64. Raises `BadRequest`, also for `*`, which cancels (RFC 4954 4)."""
    if line.strip() == b"*":
        raise BadRequest(501, "5.7.0 The login was cancelled")
    try:
        return base64.b64decode(line.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(501, "5.5.2 That is not base64") from None


def _auth(rest: str) -> Request:
    name, _, initial = rest.partition(" ")
    mechanism = name.upper()
    if not _MECHANISM.fullmatch(mechanism):
        raise BadRequest(501, "5.5.4 AUTH takes the name of a mechanism")
    initial = initial.strip()
    if not initial:
        return Request(Kind.AUTH, text=mechanism)
    return Request(Kind.AUTH, text=mechanism, response=b"" if initial == "=" else decoded(initial.encode()))


def _bdat(rest: str) -> Request:
    match = _CHUNK.fullmatch(rest)
    if match is None or int(match[1]) > MAX_CHUNK:
        raise BadRequest(501, "5.5.4 BDAT takes a number of octets, and LAST with the last of them")
    return Request(Kind.BDAT_LAST if match[2] else Kind.BDAT, octets=int(match[1]))


def _behind(rest: str, word: str, usage: str) -> str:
    """What follows `FROM:` or `TO:`."""
    head, colon, path = rest.partition(":")
    if not colon or head.strip().upper() != word:
        raise BadRequest(501, f"5.5.4 The command is {usage}")
    return path.strip(" \t")


def _path(kind: Kind, text: str) -> Request:
    """An address with or without its angle brackets, and the parameters behind it. Only MAIL may have none (`<>`)."""
    path, rest = _split_path(text)
    parameters = _parameters(rest)
    if not path and kind is Kind.MAIL:
        return Request(kind, parameters=parameters)
    try:
        return Request(kind, address=_address(path), parameters=parameters)
    except InvalidValue as exc:
        raise _no_address(path, kind, exc) from exc


def _parameters(text: str) -> Mapping[str, str]:
    parameters: dict[str, str] = {}
    for word in text.split():
        match = _PARAMETER.fullmatch(word)
        if match is None or match[1].upper() in parameters:
            raise BadRequest(501, f"5.5.4 Not a parameter, or one that came twice: {_shown(word)}")
        parameters[match[1].upper()] = match[2] or ""
    return parameters


def _no_address(path: str, kind: Kind, why: InvalidValue) -> BadRequest:
    code = "5.1.7" if kind is Kind.MAIL else "5.1.3"
    return BadRequest(501, f"{code} {_shown(path)} is not an address: {why}")


def _split_path(text: str) -> tuple[str, str]:
    """The path without its brackets, and the rest; quotes may hold brackets and spaces."""
    if simple := _SIMPLE_PATH.match(text):
        return simple[1], text[simple.end() :]
    bracketed = text.startswith("<")
    start = int(bracketed)
    quoted = False
    position = start
    while position < len(text):
        character = text[position]
        if character == "\\" and quoted:
            position += 1
        elif character == '"':
            quoted = not quoted
        elif not quoted and character in (">" if bracketed else " \t"):
            break
        position += 1
    if bracketed and position >= len(text):
        raise BadRequest(501, "5.5.4 The address is not closed by >")
    path, rest = text[start:position], text[position + bracketed :]
    if rest and not rest.startswith((" ", "\t")):
        raise BadRequest(501, "5.5.4 There is something behind the address")
    if path.startswith("@") and ":" in path:  # a route, which nobody takes any more (RFC 5321 appendix C)
        path = path.partition(":")[2]
    return path.strip(" \t"), rest


def _address(path: str) -> Address:
    """Raises `InvalidValue`."""
    if not path.startswith('"'):
        local, _, domain = path.rpartition("@")
        if '"' in local or "\\" in local:
            raise InvalidValue("a quoted part has to be all that is before the @")
        address = Address(local, domain)
        if str(address) != path:
            raise InvalidValue("the part before the @ has to be quoted")
        return address
    local = ""
    position = 1
    while position < len(path) and path[position] != '"':
        position += path[position] == "\\"
        local += path[position : position + 1]
        position += 1
    if path[position : position + 2] != '"@':
        raise InvalidValue("the quoted part is not followed by an @")
    return Address(local, path[position + 2 :])


def _shown(text: str) -> str:
    return showable(text, limit=60).encode("ascii", "replace").decode()

"""Commands: values that check their own arguments and render themselves as one line (RFC 5321 section 4.1.1).

Nothing that could end a line early, or start another one, gets past their checks: whatever a caller puts in,
one command is one line.
"""

from __future__ import annotations

import base64
import re
from enum import Enum, auto
from typing import NamedTuple

from smtp.envelope import Address
from smtp.errors import InvalidValue, Step
from smtp.text import NOT_IN_A_LINE


class Kind(Enum):
    """What a command is to the state machine."""

    # `Enum` hashes names, in Python; the state machine looks things up all the time.
    __hash__ = object.__hash__

    BANNER = auto()
    EHLO = auto()
    HELO = auto()
    STARTTLS = auto()
    AUTH = auto()
    AUTH_RESPONSE = auto()
    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    END = auto()
    BDAT = auto()
    BDAT_LAST = auto()
    RSET = auto()
    NOOP = auto()
    VRFY = auto()
    CHUNK_PROBE = auto()
    """A chunk where none is due."""
    QUIT = auto()


# RFC 4954 section 4: an AUTH line with its initial response keeps to RFC 5321's 512 octets.
MAX_COMMAND_LINE = 512
_DOMAIN_OR_LITERAL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253})|\[[A-Za-z0-9:.\-]{1,60}\]")
_MECHANISM = r"[A-Z0-9_-]{1,20}"
_PARAMETER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(?:=[!-<>-~]+)?")

# Each message needs these, and finding a member of an enumeration takes longer than much else of a command.
_MAIL, _MAIL_STEP, _RCPT, _RCPT_STEP = Kind.MAIL, Step.MAIL, Kind.RCPT, Step.RCPT


class Command(NamedTuple):
    """One line for the server, and where in a session it belongs."""

    kind: Kind
    step: Step
    line: bytes
    shown: str
    """The line as a transcript may keep it: without a credential."""
    secret: str = ""
    """The credential in the line, as it stands there."""

    def __repr__(self) -> str:
        return f"Command({self.kind!r}, {self.step!r}, {self.shown!r})"


def _plain(kind: Kind, step: Step, text: str) -> Command:
    return Command(kind, step, text.encode() + b"\r\n", text)


BANNER = Command(Kind.BANNER, Step.BANNER, b"", "")
STARTTLS = _plain(Kind.STARTTLS, Step.STARTTLS, "STARTTLS")
DATA = _plain(Kind.DATA, Step.DATA, "DATA")
END = _plain(Kind.END, Step.END, ".")
RSET = _plain(Kind.RSET, Step.RSET, "RSET")
NOOP = _plain(Kind.NOOP, Step.NOOP, "NOOP")
QUIT = _plain(Kind.QUIT, Step.QUIT, "QUIT")


def ehlo(name: str) -> Command:
    return _plain(Kind.EHLO, Step.EHLO, f"EHLO {_host(name)}")


def helo(name: str) -> Command:
    return _plain(Kind.HELO, Step.EHLO, f"HELO {_host(name)}")


def auth(mechanism: str, initial: bytes | None) -> Command:
    """AUTH, with the initial response if there is one: `b""` is sent as `=` (RFC 4954 section 4).

    With one the line has to stay within `MAX_COMMAND_LINE` octets, which is for the caller to see.
    """
    if not re.fullmatch(_MECHANISM, mechanism):
        raise InvalidValue("not the name of a SASL mechanism")
    if initial is None:
        return _plain(Kind.AUTH, Step.AUTH, f"AUTH {mechanism}")
    encoded = base64.b64encode(initial) if initial else b"="
    line = b"AUTH " + mechanism.encode() + b" " + encoded + b"\r\n"
    return Command(Kind.AUTH, Step.AUTH, line, f"AUTH {mechanism} <credentials>", encoded.decode())


def auth_response(response: bytes) -> Command:
    encoded = base64.b64encode(response)
    return Command(Kind.AUTH_RESPONSE, Step.AUTH, encoded + b"\r\n", "<credentials>", encoded.decode())


AUTH_CANCEL = _plain(Kind.AUTH_RESPONSE, Step.AUTH, "*")


def mail(sender: Address | None, parameters: tuple[str, ...] = ()) -> Command:
    """MAIL; `sender` None is the null reverse-path. Parameters are `KEYWORD` or `KEYWORD=value`."""
    shown = f"MAIL FROM:<{sender or ''}>{_joined(parameters) if parameters else ''}"
    return Command(_MAIL, _MAIL_STEP, f"{shown}\r\n".encode(), shown)


def rcpt(recipient: Address, parameters: tuple[str, ...] = ()) -> Command:
    shown = f"RCPT TO:<{recipient!s}>{_joined(parameters) if parameters else ''}"
    return Command(_RCPT, _RCPT_STEP, f"{shown}\r\n".encode(), shown)


def bdat(octets: int, *, last: bool) -> Command:
    """The line before a chunk of that many octets (RFC 3030 section 2)."""
    if octets < 0:
        raise InvalidValue("a chunk has no negative size")
    kind = Kind.BDAT_LAST if last else Kind.BDAT
    return _plain(kind, Step.END if last else Step.BODY, f"BDAT {octets}{' LAST' if last else ''}")


# Two questions about the server itself, asked outside of a transaction. Their answers can't be taken for those to
# the commands of a transaction: nobody has this mailbox, and a chunk without recipients is refused (RFC 3030
# section 2). What the chunk holds does no harm to a server that takes it for a command.
WHO_IS_NOBODY = _plain(Kind.VRFY, Step.VRFY, "VRFY no-such-mailbox")
EMPTY_CHUNK = Command(Kind.CHUNK_PROBE, Step.VRFY, b"BDAT 0 LAST\r\n", "BDAT 0 LAST")
STRAY_CHUNK = Command(Kind.CHUNK_PROBE, Step.VRFY, b"BDAT 6 LAST\r\nNOOP\r\n", "BDAT 6 LAST")


def vrfy(text: str) -> Command:
    if not text.strip() or NOT_IN_A_LINE.search(text) or len(text.encode()) > MAX_COMMAND_LINE - 7:
        raise InvalidValue("VRFY takes one line of text")
    return _plain(Kind.VRFY, Step.VRFY, f"VRFY {text}")


def _host(name: str) -> str:
    if not _DOMAIN_OR_LITERAL.fullmatch(name):
        raise InvalidValue(f"{name!r} is neither a host name nor an address literal")
    return name


def _joined(parameters: tuple[str, ...]) -> str:
    for parameter in parameters:
        if not _PARAMETER.fullmatch(parameter):
            raise InvalidValue(f"{parameter!r} is not a parameter of MAIL or RCPT")
    return " ".join(("", *parameters))

"""The fault matrix as data: what may go wrong at each step, and what must then be said about the message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tests.support.scripted import Fault, Kind, Step


class Expected(StrEnum):
    """What has to be said about the recipients that the fault struck."""

    SENT = "S"
    UNKNOWN = "U"
    NOT_SENT = "N"
    """Not sent; whether a retry makes sense is left open."""
    TEMPORARY = "N-temp"
    PERMANENT = "N-perm"


@dataclass(frozen=True, slots=True)
class Row:
    """One fault and its consequence. `whole` is False where it strikes only one recipient."""

    fault: Fault
    expected: Expected
    whole: bool = True
    also: Expected | None = None
    """Just as right, where it depends on how far the client had read."""

    @property
    def name(self) -> str:
        fault = self.fault
        acted = {None: "", True: ", accepted", False: ", not accepted"}[fault.acted]
        said = f" {fault.reply.decode('ascii', 'replace').strip()!r}" if fault.reply else ""
        return f"{fault.step}: {fault.kind}{said}{acted}"


S, U, N, TEMP, PERM = Expected

LOST = (Kind.CLOSE, Kind.RESET, Kind.SILENCE, Kind.HALF_LINE, Kind.STALL, Kind.DRIP)
"""The reply does not come, or not in time."""
REFUSED = (Kind.TEMPORARY, Kind.SHUTDOWN)
BROKEN = (Kind.GARBAGE, Kind.HUGE, Kind.ENDLESS, Kind.WRONG_CODE, Kind.MIXED, Kind.EXTRA)
"""What comes is not a reply that this step can have, or not only that."""

# step: what follows from LOST, REFUSED, 5xx and BROKEN
_STEPS = (
    (Step.BANNER, TEMP, TEMP, PERM, N),
    (Step.EHLO, TEMP, TEMP, N, N),
    (Step.STARTTLS, TEMP, N, N, N),
    (Step.EHLO_AFTER_TLS, TEMP, TEMP, N, N),
    (Step.AUTH, N, TEMP, N, N),
    (Step.MAIL, TEMP, TEMP, PERM, N),
    (Step.RCPT, TEMP, TEMP, PERM, N),
    (Step.DATA, TEMP, TEMP, PERM, N),
    (Step.VRFY, TEMP, N, N, N),
    (Step.QUIT, S, S, S, S),
)
# Codes that the standard does not list go by their first digit (RFC 5321 section 4.3.2).
_BY_FIRST_DIGIT = (
    (b"299 9.9.9 what\r\n", S),
    (b"450 4.2.0 later\r\n", TEMP),
    (b"499 later\r\n", TEMP),
    (b"599 never\r\n", PERM),
    (b"199 perhaps\r\n", U),
    (b"354 go on\r\n", U),
    (b"600 what\r\n", U),
    (b"25 short\r\n", U),
    (b"250ok\r\n", U),
    (b"\r\n", U),
)
_EARLY = (
    (b"250 2.0.0 OK already\r\n", N),
    (b"354 go on\r\n", N),
    (b"452 4.3.1 disk full\r\n", TEMP),
    (b"552 5.3.4 too big\r\n", PERM),
)
BODY_AFTER = 20_000
"""Octets of a large message that have been read when a fault in the body strikes."""


def rows() -> Iterator[Row]:
    """All rows of the matrix."""
    for kind in (Kind.CLOSE, Kind.RESET, Kind.SILENCE):
        yield Row(Fault(Step.CONNECT, kind), TEMP)
        yield Row(Fault(Step.TLS, kind), TEMP)
    yield Row(Fault(Step.TLS, Kind.GARBAGE), N)
    for step, lost, refused, permanent, broken in _STEPS:
        for kinds, expected in (
            (LOST, lost),
            (REFUSED, refused),
            ((Kind.PERMANENT,), permanent),
            (BROKEN, broken),
        ):
            for kind in kinds:
                one = step is Step.RCPT and kind in (Kind.TEMPORARY, Kind.PERMANENT)
                yield Row(Fault(step, kind), expected, whole=not one)
    yield from _reset()
    yield from _body()
    yield from _end()
    yield from _idle()


def _reset() -> Iterator[Row]:
    """RSET goes ahead of a message that is in flight behind another one; all of it may have been written."""
    for kind in (*LOST, Kind.SHUTDOWN):
        yield Row(Fault(Step.RSET, kind), TEMP)
    for kind in BROKEN:
        yield Row(Fault(Step.RSET, kind), N)
    for kind in (Kind.TEMPORARY, Kind.PERMANENT):
        yield Row(Fault(Step.RSET, kind), N, also=S)


def _body() -> Iterator[Row]:
    for kind in (*LOST[:3], Kind.HALF_LINE):
        yield Row(Fault(Step.BODY, kind, after=BODY_AFTER), TEMP)
    for kind in (Kind.GARBAGE, Kind.HUGE, Kind.ENDLESS):
        yield Row(Fault(Step.BODY, kind, after=BODY_AFTER), N)
    for said, expected in _EARLY:
        for kind in (Kind.SAYS, Kind.SHUTDOWN):
            yield Row(Fault(Step.BODY, kind, reply=said, after=BODY_AFTER), expected)
    yield Row(Fault(Step.BODY, Kind.SHUTDOWN, after=BODY_AFTER), TEMP)


def _end() -> Iterator[Row]:
    for kind in (*LOST, Kind.GARBAGE, Kind.HUGE, Kind.ENDLESS, Kind.WRONG_CODE, Kind.MIXED):
        for acted in (True, False):
            yield Row(Fault(Step.END, kind, acted=acted), U)
    for kind in REFUSED:
        yield Row(Fault(Step.END, kind), TEMP)
    yield Row(Fault(Step.END, Kind.PERMANENT), PERM)
    yield Row(Fault(Step.END, Kind.EXTRA), S)
    for said, expected in _BY_FIRST_DIGIT:
        for did in (True, False) if expected is U else (expected is S,):
            yield Row(Fault(Step.END, Kind.SAYS, reply=said, acted=did), expected)


def _idle() -> Iterator[Row]:
    for kind in (Kind.CLOSE, Kind.RESET, Kind.SHUTDOWN, Kind.GARBAGE, Kind.EXTRA):
        yield Row(Fault(Step.IDLE, kind), S)

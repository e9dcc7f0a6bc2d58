"""What the server says: the right reply of each step, and the wrong ones that a fault puts in its place."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tests.support.scripted.settings import Fault, Kind, Step

TEMPORARY: Mapping[Step, bytes] = MappingProxyType(
    {
        Step.BANNER: b"450 4.3.2 not now\r\n",
        Step.STARTTLS: b"454 4.7.0 TLS not available now\r\n",
        Step.AUTH: b"454 4.7.0 temporary authentication failure\r\n",
        Step.RCPT: b"450 4.2.1 mailbox busy\r\n",
    }
)
PERMANENT: Mapping[Step, bytes] = MappingProxyType(
    {
        Step.BANNER: b"554 5.3.2 no service here\r\n",
        Step.EHLO: b"502 5.5.1 not implemented\r\n",
        Step.EHLO_AFTER_TLS: b"502 5.5.1 not implemented\r\n",
        Step.STARTTLS: b"501 5.5.4 no parameters allowed\r\n",
        Step.AUTH: b"535 5.7.8 authentication credentials invalid\r\n",
        Step.RCPT: b"550 5.1.1 no such user\r\n",
    }
)
WRONG: Mapping[Step, bytes] = MappingProxyType(
    {
        Step.BANNER: b"250 2.0.0 hello\r\n",
        Step.STARTTLS: b"250 2.0.0 fine\r\n",
        Step.AUTH: b"250 2.0.0 fine\r\n",
        Step.DATA: b"250 2.0.0 fine\r\n",
    }
)
LONG = 1024 * 1024


def wrong_reply(fault: Fault, right: bytes) -> bytes:
    """What `fault` makes of the `right` reply, for the kinds that are a matter of words alone."""
    if fault.reply:
        return fault.reply
    step = fault.step
    last_line = right[right.rfind(b"\n", 0, -1) + 1 :]
    match fault.kind:
        case Kind.TEMPORARY:
            return TEMPORARY.get(step, b"451 4.3.0 try again later\r\n")
        case Kind.PERMANENT:
            return PERMANENT.get(step, b"554 5.7.1 not wanted\r\n")
        case Kind.SHUTDOWN:
            return b"421 4.3.2 shutting down\r\n"
        case Kind.GARBAGE:
            return b"\x00\xff\x1b[31m\x80 no reply at all\r\n"
        case Kind.HUGE:
            return last_line[:4] + b"x" * LONG + b"\r\n"
        case Kind.EXTRA:
            return right + b"250 2.0.0 one more\r\n"
        case Kind.EARLY:
            return b"250 2.0.0 OK already\r\n"
        case Kind.WRONG_CODE:
            return WRONG.get(step, b"354 go on\r\n")
        case Kind.MIXED:
            return b"550-5.0.0 no\r\n" + last_line
        case Kind.HALF_LINE | Kind.STALL:
            return right[: len(right) - 3]
        case _:
            return right

"""Who has a mailbox at the real servers, who is refused there, and who may log in."""

from __future__ import annotations

from types import MappingProxyType

DOMAINS = ("example.com", "testdomain.com", "bücher.example", "xn--bcher-kva.example")

ALICE = "alice@example.com"
BOB = "bob@example.com"
CAROL = "carol@example.com"
JÖRG = "jörg@bücher.example"
BOOKS = "post@xn--bcher-kva.example"
"""An ASCII address in the domain whose Unicode form is JÖRG's."""
CROWD = tuple(f"user{number:03}@example.com" for number in range(200))
REFUSED = CROWD[::9]
"""Those of the crowd that the server refuses."""
PRESENT = tuple(address for address in CROWD if address not in REFUSED)
MEMBERS = tuple(f"member{number:04}@example.com" for number in range(2500))
"""More than a default Postfix takes in one transaction."""
DEFERRED = ("away@example.com", "later@example.com")
"""Whom Exim has no answer for now: 421, and the session goes on."""

BLOCKED = "blocked@example.com"
BUSY = "busy@example.com"
UNKNOWN = "nobody@example.com"
"""No mailbox and no entry in any table."""
ELSEWHERE = "somebody@elsewhere.example"
"""In a domain that the server neither serves nor relays for."""

REFUSALS = MappingProxyType(
    {
        BLOCKED: "550 5.7.1 Not welcome here",
        BUSY: "450 4.2.1 Try again later",
        **dict.fromkeys(REFUSED, "550 5.1.6 Moved away"),
    }
)
MAILBOXES = (
    ALICE,
    BOB,
    CAROL,
    JÖRG,
    BOOKS,
    "robot@example.com",
    "receiver@testdomain.com",
    "receiver1@testdomain.com",
    "receiver2@testdomain.com",
    *PRESENT,
)

USERS = (ALICE, BOB)
PASSWORD = "correct horse, battery=staple ü"

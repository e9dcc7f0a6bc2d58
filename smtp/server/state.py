"""The state machine of an SMTP connection as seen by a server, as tables.

It is asked as the client's is (`smtp/state.py`): *may this command come now?* on the state that will hold if every
command that is not answered yet is accepted, for clients pipeline (RFC 2920); *what holds now that it was answered
so?* on the state that the answers so far have established. A command that came rightly behind one that was
refused then changes nothing where it has no row.

MAIL may come without EHLO: there are clients, and people at a terminal, that say none.

All that affects the state of a connection is in this file.
"""

from __future__ import annotations

from enum import Enum, auto
from types import MappingProxyType

from smtp.commands import Kind


class State(Enum):
    __hash__ = object.__hash__  # as `Kind`

    READY = auto()
    """No transaction."""
    NEGOTIATING = auto()
    """STARTTLS was accepted: nothing but a TLS handshake may follow."""
    AUTHENTICATING = auto()
    """A challenge was given: a line with the answer to it is due."""
    MAIL = auto()
    """A transaction with no recipient yet."""
    RCPT = auto()
    """A transaction with at least one recipient."""
    DATA = auto()
    """354 was said: the message is due."""
    CHUNKS = auto()
    """A chunk that was not the last was accepted."""
    SPOILED = auto()
    """A chunk was refused: nothing of this transaction can be accepted any more (RFC 3030 section 2)."""
    CLOSED = auto()
    """The connection is to be closed."""


S, K = State, Kind

# Finding a member of an enumeration takes longer than the rest of an answer to the two questions.
_CLOSED, _AUTHENTICATING = S.CLOSED, S.AUTHENTICATING

# (state, command): (the state once accepted, the state once refused)
ANSWERED = MappingProxyType(
    {
        (S.READY, K.EHLO): (S.READY, S.READY),
        (S.READY, K.HELO): (S.READY, S.READY),
        (S.READY, K.STARTTLS): (S.NEGOTIATING, S.READY),
        (S.READY, K.AUTH): (S.READY, S.READY),
        (S.AUTHENTICATING, K.AUTH_RESPONSE): (S.READY, S.READY),
        (S.READY, K.MAIL): (S.MAIL, S.READY),
        (S.MAIL, K.RCPT): (S.RCPT, S.MAIL),
        (S.RCPT, K.RCPT): (S.RCPT, S.RCPT),
        # Whoever is refused here begins anew: there are clients that say no RSET then.
        (S.RCPT, K.DATA): (S.DATA, S.READY),
        (S.DATA, K.END): (S.READY, S.READY),
        (S.RCPT, K.BDAT): (S.CHUNKS, S.SPOILED),
        (S.RCPT, K.BDAT_LAST): (S.READY, S.READY),
        (S.CHUNKS, K.BDAT): (S.CHUNKS, S.SPOILED),
        (S.CHUNKS, K.BDAT_LAST): (S.READY, S.READY),
        # EHLO and RSET end a transaction wherever it is (RFC 5321 sections 4.1.4 and 4.1.1.5).
        **{(state, K.EHLO): (S.READY, state) for state in (S.MAIL, S.RCPT, S.CHUNKS, S.SPOILED)},
        **{(state, K.HELO): (S.READY, state) for state in (S.MAIL, S.RCPT, S.CHUNKS, S.SPOILED)},
        **{(state, K.RSET): (S.READY, S.READY) for state in (S.READY, S.MAIL, S.RCPT, S.CHUNKS, S.SPOILED)},
        **{
            (state, kind): (state, state)
            for state in (S.READY, S.MAIL, S.RCPT, S.CHUNKS, S.SPOILED)
            for kind in (K.NOOP, K.VRFY)
        },
        **{(state, K.QUIT): (S.CLOSED, S.CLOSED) for state in (S.READY, S.MAIL, S.RCPT, S.CHUNKS, S.SPOILED)},
    }
)

# What came rightly behind RCPT, before it was known that no recipient was accepted.
_COLLATERAL = MappingProxyType(
    {
        (S.MAIL, K.BDAT): (S.SPOILED, S.SPOILED),
        (S.MAIL, K.BDAT_LAST): (S.READY, S.READY),
    }
)


def expected(state: State, kind: Kind) -> State | None:
    """The state if this command, coming now, is accepted; None where it may not come."""
    row = ANSWERED.get((state, kind))
    return None if row is None else row[0]


def after(state: State, kind: Kind, code: int) -> State:
    """The state that this answer establishes. 421 says that we are closing (RFC 5321 section 3.8)."""
    if code == 421 or state is _CLOSED:
        return _CLOSED
    if code == 334:
        return _AUTHENTICATING
    row = ANSWERED.get((state, kind)) or _COLLATERAL.get((state, kind), (state, state))
    accepted, refused = row
    return accepted if code < 400 else refused

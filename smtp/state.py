"""The state machine of an SMTP connection as seen by a client, as tables.

Two questions are asked of it. *May this command be written now?* is answered by `ALLOWED`, on the state that
will hold if everything still unanswered succeeds: this is what makes pipelining (RFC 2920) possible. *What
holds now that this command was answered so?* is answered by `ANSWERED`, on the state that the answers so far
have established. When nothing is outstanding the two states are one.

`ANSWERED` has more rows than `ALLOWED`: a command that was rightly written behind MAIL is still answered when
MAIL was refused. Those rows are the collateral ones; `ALLOWED` follows from the others. What has no row at all
changes nothing.

What a reply means (`EXPECTED`) depends on the command alone. RFC 5321 section 4.3.2 lets a client go by the
first digit; it must not where another 2xx or 3xx would have it go on to something dangerous.

All that affects the state of a connection is in this file.
"""

from __future__ import annotations

from enum import Enum, auto
from types import MappingProxyType

from smtp.commands import Kind
from smtp.reply import Reply


class State(Enum):
    __hash__ = object.__hash__  # as `Kind`

    START = auto()
    """Connected; the banner is due."""
    GREETED = auto()
    """The banner said 220, or TLS has just begun: EHLO is due."""
    READY = auto()
    """No transaction."""
    NEGOTIATING = auto()
    """220 to STARTTLS: nothing but a TLS handshake may follow."""
    AUTHENTICATING = auto()
    """334: a SASL response is due."""
    MAIL = auto()
    """A transaction with no recipient yet."""
    RCPT = auto()
    """A transaction with at least one recipient."""
    DATA = auto()
    """354: the message is due."""
    CHUNKS = auto()
    """A chunk that was not the last was accepted."""
    SPOILED = auto()
    """A transaction that can't be completed: RSET or QUIT."""
    CLOSED = auto()
    """Nothing may be written any more."""


class Verdict(Enum):
    __hash__ = object.__hash__  # as `Kind`

    ACCEPTED = auto()
    CONTINUE = auto()
    """334: the server wants to hear more."""
    REFUSED = auto()
    VIOLATION = auto()
    """A reply that this command can't have."""
    OUT_OF_STEP = auto()
    """A reply that belongs to another command."""


S, K, V = State, Kind, Verdict

# RFC 2920 section 3.1: these can only be the last of a group; nothing is written until they are answered. The
# end of a message may be the first of one.
ENDS_GROUP = frozenset(
    {K.BANNER, K.EHLO, K.HELO, K.STARTTLS, K.AUTH, K.AUTH_RESPONSE, K.DATA, K.NOOP, K.VRFY, K.QUIT}
)

# command: (codes that accept it, codes that ask for more); a set of one digit stands for the whole class
EXPECTED = MappingProxyType(
    {
        K.BANNER: (frozenset({220}), frozenset()),
        K.EHLO: (frozenset({250}), frozenset()),
        K.HELO: (frozenset({250}), frozenset()),
        K.STARTTLS: (frozenset({220}), frozenset()),
        K.AUTH: (frozenset({235}), frozenset({334})),
        K.AUTH_RESPONSE: (frozenset({235}), frozenset({334})),
        K.MAIL: (frozenset({2}), frozenset()),
        K.RCPT: (frozenset({2}), frozenset()),
        K.DATA: (frozenset({354}), frozenset()),
        K.END: (frozenset({2}), frozenset()),
        K.BDAT: (frozenset({2}), frozenset()),
        K.BDAT_LAST: (frozenset({2}), frozenset()),
        K.RSET: (frozenset({2}), frozenset()),
        K.NOOP: (frozenset({2}), frozenset()),
        K.VRFY: (frozenset({2}), frozenset()),
        K.CHUNK_PROBE: (frozenset({2}), frozenset()),
        K.QUIT: (frozenset({2}), frozenset()),
    }
)

# What may be written. (state, command): (the state once accepted, the state once refused)
_IN_ORDER = MappingProxyType(
    {
        (S.START, K.BANNER): (S.GREETED, S.CLOSED),
        (S.GREETED, K.EHLO): (S.READY, S.GREETED),
        (S.GREETED, K.HELO): (S.READY, S.GREETED),
        (S.GREETED, K.QUIT): (S.CLOSED, S.CLOSED),
        (S.READY, K.EHLO): (S.READY, S.READY),
        (S.READY, K.STARTTLS): (S.NEGOTIATING, S.READY),
        (S.READY, K.AUTH): (S.READY, S.READY),
        (S.AUTHENTICATING, K.AUTH_RESPONSE): (S.READY, S.READY),
        (S.READY, K.MAIL): (S.MAIL, S.READY),
        (S.MAIL, K.RCPT): (S.RCPT, S.MAIL),
        (S.RCPT, K.RCPT): (S.RCPT, S.RCPT),
        (S.RCPT, K.DATA): (S.DATA, S.SPOILED),
        (S.DATA, K.END): (S.READY, S.READY),
        (S.RCPT, K.BDAT): (S.CHUNKS, S.SPOILED),
        (S.RCPT, K.BDAT_LAST): (S.READY, S.SPOILED),
        (S.CHUNKS, K.BDAT): (S.CHUNKS, S.SPOILED),
        (S.CHUNKS, K.BDAT_LAST): (S.READY, S.SPOILED),
        (S.READY, K.RSET): (S.READY, S.SPOILED),
        (S.MAIL, K.RSET): (S.READY, S.SPOILED),
        (S.RCPT, K.RSET): (S.READY, S.SPOILED),
        (S.CHUNKS, K.RSET): (S.READY, S.SPOILED),
        (S.SPOILED, K.RSET): (S.READY, S.SPOILED),
        (S.READY, K.NOOP): (S.READY, S.READY),
        (S.MAIL, K.NOOP): (S.MAIL, S.MAIL),
        (S.RCPT, K.NOOP): (S.RCPT, S.RCPT),
        (S.READY, K.VRFY): (S.READY, S.READY),
        (S.MAIL, K.VRFY): (S.MAIL, S.MAIL),
        (S.RCPT, K.VRFY): (S.RCPT, S.RCPT),
        (S.SPOILED, K.VRFY): (S.SPOILED, S.SPOILED),
        (S.READY, K.CHUNK_PROBE): (S.READY, S.READY),
        (S.READY, K.QUIT): (S.CLOSED, S.CLOSED),
        (S.MAIL, K.QUIT): (S.CLOSED, S.CLOSED),
        (S.RCPT, K.QUIT): (S.CLOSED, S.CLOSED),
        (S.CHUNKS, K.QUIT): (S.CLOSED, S.CLOSED),
        (S.SPOILED, K.QUIT): (S.CLOSED, S.CLOSED),
    }
)

# What was rightly written behind a command that was refused then.
_COLLATERAL = MappingProxyType(
    {
        # MAIL was refused
        (S.READY, K.RCPT): (S.SPOILED, S.READY),
        (S.READY, K.DATA): (S.DATA, S.READY),
        (S.READY, K.BDAT): (S.SPOILED, S.SPOILED),
        (S.READY, K.BDAT_LAST): (S.SPOILED, S.SPOILED),
        # every RCPT was refused
        (S.MAIL, K.DATA): (S.DATA, S.SPOILED),
        (S.MAIL, K.BDAT): (S.SPOILED, S.SPOILED),
        (S.MAIL, K.BDAT_LAST): (S.SPOILED, S.SPOILED),
        # something before spoiled the transaction
        (S.SPOILED, K.MAIL): (S.SPOILED, S.SPOILED),
        (S.SPOILED, K.RCPT): (S.SPOILED, S.SPOILED),
        (S.SPOILED, K.DATA): (S.DATA, S.SPOILED),
        (S.SPOILED, K.BDAT): (S.SPOILED, S.SPOILED),
        (S.SPOILED, K.BDAT_LAST): (S.SPOILED, S.SPOILED),
    }
)

ANSWERED = MappingProxyType({**_IN_ORDER, **_COLLATERAL})
ALLOWED = MappingProxyType({key: accepted for key, (accepted, _) in _IN_ORDER.items()})


# Finding a member of an enumeration takes longer than much of what is done for a reply.
_BDAT_LAST, _ACCEPTED, _CONTINUE, _CLOSED = K.BDAT_LAST, V.ACCEPTED, V.CONTINUE, S.CLOSED


def judge(state: State, kind: Kind, reply: Reply) -> tuple[Verdict, State]:
    """What a reply means to this command, and the state that it establishes."""
    code = reply.code
    accepting, continuing = EXPECTED[kind]
    # X.1.Y speaks of addresses (RFC 3463 section 3.2). One reply too many, and all that follow answer the wrong
    # command. Where a message was written behind its RCPT commands, the reply to the last of them would then be
    # taken for the server's word on the message.
    if kind is _BDAT_LAST and reply.enhanced_code.startswith("2.1."):
        return Verdict.OUT_OF_STEP, _CLOSED
    if code in accepting or code // 100 in accepting:
        verdict = _ACCEPTED
    elif code in continuing:
        verdict = _CONTINUE
    elif code // 100 in (4, 5):
        verdict = Verdict.REFUSED
    else:
        return Verdict.VIOLATION, _CLOSED
    # 421 says that the server is closing (RFC 5321 section 3.8). Exim says it of one recipient, when an administrator's
    # rule has it so, and goes on.
    if state is _CLOSED or (code == 421 and not (kind is K.RCPT and state in (S.MAIL, S.RCPT))):
        return verdict, _CLOSED
    if verdict is _CONTINUE:
        return verdict, State.AUTHENTICATING
    accepted, refused = ANSWERED.get((state, kind), (state, state))
    return verdict, accepted if verdict is _ACCEPTED else refused

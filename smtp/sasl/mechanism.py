"""One exchange with a server that says who we are (RFC 4422): what every mechanism has to be.

A mechanism is bytes in, bytes out, no base64 and no sockets; `credentials.py` frames it as SMTP does. Whoever uses
one makes a new one for each try.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


class ChannelBinding(NamedTuple):
    """What ties an exchange to one TLS connection: `kind` is the name that IANA lists (RFC 5056)."""

    kind: str
    data: bytes

    def __repr__(self) -> str:
        return f"ChannelBinding({self.kind!r})"


class Mechanism(Protocol):
    """One exchange with a server. Raises `AuthenticationFailed` when it can't go on: cancel with `*` then."""

    @property
    def name(self) -> str:
        """As the server lists it: `SCRAM-SHA-256-PLUS`."""

    @property
    def exposes_secret(self) -> bool:
        """Whether reading the exchange is enough to have the password or token: such a one needs TLS."""

    @property
    def reads_challenges(self) -> bool:
        """Whether it matters what a 334 says: then it has to be base64."""

    def start(self) -> bytes | None:
        """The initial response; `b""` is an empty one (sent as `=`). None: the server speaks first."""

    def respond(self, challenge: bytes) -> bytes:
        """The answer to a decoded 334 challenge."""

    def finish(self) -> None:
        """The server said 235. Raises `AuthenticationFailed` when the exchange was not complete by then."""

    @property
    def reason(self) -> str:
        """Why the server refuses, from an error challenge, made readable; "" when it gave none."""

    @property
    def instead(self) -> Mechanism | None:
        """What to try, once, after a 5xx, if the server lists it; None: the refusal is final.

        Only for a refusal that the credential played no part in: the server did not get far enough to see it.
        """

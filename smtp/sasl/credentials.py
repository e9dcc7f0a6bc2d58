"""Who we are to a server, and which mechanisms can say so, in the order of what the other side learns.

SCRAM bound to the TLS channel gives away nothing and can't be relayed; SCRAM alone proves that the server knows
the password too; PLAIN and LOGIN hand it over, which TLS keeps from all but the server; CRAM-MD5 hides it from
who reads along, though not from guessing, and many servers that list it can't do it for the passwords they keep.
So with TLS it comes last, and without it is all there is (`exchange.py`).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from smtp.sasl.mechanism import ChannelBinding, Mechanism
from smtp.text import repr_without


class Credentials(Protocol):
    """Who we are to the server."""

    @property
    def optional(self) -> bool:
        """Whether to go on without logging in where the server offers none of the mechanisms."""

    @property
    def secret(self) -> str:
        """What nobody may be shown, not even in a reply of the server that repeats it; "" for none."""

    def mechanisms(self, binding: ChannelBinding | None) -> tuple[Mechanism, ...]:
        """New exchanges, the one to prefer first: use the first that the server offers (`exchange.usable`).

        `binding` is the TLS connection's; None without TLS, or where it has none.
        """


class PasswordCredentials(NamedTuple):
    """A user name and a password.

    Every -PLUS form comes before every plain one: what binding to the channel adds (nobody in between can
    relay the exchange) outweighs SHA-1 against SHA-256, both of which are sound inside HMAC. It also makes
    the plain forms the ones for servers that offered no -PLUS at all, which they then say (`scram.py`).
    """

    username: str
    password: str

    @property
    def optional(self) -> bool:
        return False

    def __repr__(self) -> str:
        return repr_without(("password",), "PasswordCredentials", self._asdict())

    @property
    def secret(self) -> str:
        return self.password

    def mechanisms(self, binding: ChannelBinding | None) -> tuple[Mechanism, ...]:
        from smtp.sasl.plain import CramMd5, Login, Plain, has_md5
        from smtp.sasl.scram import Scram

        who = (self.username, self.password)
        unbound = Scram(*who, "SHA-256", binding), Scram(*who, "SHA-1", binding)
        cram = (CramMd5(*who),) if has_md5() else ()
        if binding is None:
            return (*unbound, Plain(*who), Login(*who), *cram)
        bound = Scram(*who, "SHA-256", binding, plus=True), Scram(*who, "SHA-1", binding, plus=True)
        return (*bound, *unbound, Plain(*who), Login(*who), *cram)


class PlainAuth(NamedTuple):
    """A password for PLAIN alone, and for the server `host` alone; `identity` "" acts as the user (RFC 4616)."""

    identity: str
    username: str
    password: str
    host: str

    @property
    def optional(self) -> bool:
        return False

    def __repr__(self) -> str:
        return repr_without(("password",), "PlainAuth", self._asdict())

    @property
    def secret(self) -> str:
        return self.password

    def mechanisms(self, binding: ChannelBinding | None) -> tuple[Mechanism, ...]:  # noqa: ARG002 - not bound
        from smtp.sasl.plain import Plain

        return (Plain(self.username, self.password, self.identity),)


class CramMd5Auth(NamedTuple):
    """A password for CRAM-MD5 alone (RFC 2195)."""

    username: str
    secret: str

    @property
    def optional(self) -> bool:
        return False

    def __repr__(self) -> str:
        return repr_without(("secret",), "CramMd5Auth", self._asdict())

    def mechanisms(self, binding: ChannelBinding | None) -> tuple[Mechanism, ...]:  # noqa: ARG002 - not bound
        from smtp.sasl.plain import CramMd5

        return (CramMd5(self.username, self.secret),)


class BearerCredentials(NamedTuple):
    """A user name and an OAuth access token, for the server `host`:`port` and no other."""

    username: str
    token: str
    host: str
    port: int

    @property
    def optional(self) -> bool:
        return False

    def __repr__(self) -> str:
        return repr_without(("token",), "BearerCredentials", self._asdict())

    @property
    def secret(self) -> str:
        return self.token

    def mechanisms(self, binding: ChannelBinding | None) -> tuple[Mechanism, ...]:  # noqa: ARG002 - not bound
        from smtp.sasl.bearer import OAuthBearer, XOAuth2

        return (
            OAuthBearer(self.username, self.token, self.host, self.port),
            XOAuth2(self.username, self.token),
        )


class ExternalCredentials(NamedTuple):
    """The client certificate of the TLS connection. `authzid` "" leaves it to the server who that is.

    A server may be content with the certificate itself and offer no EXTERNAL.
    """

    authzid: str = ""

    @property
    def optional(self) -> bool:
        return True

    @property
    def secret(self) -> str:
        return ""

    def mechanisms(self, binding: ChannelBinding | None) -> tuple[Mechanism, ...]:  # noqa: ARG002 - is TLS itself
        from smtp.sasl.plain import External

        return (External(self.authzid),)

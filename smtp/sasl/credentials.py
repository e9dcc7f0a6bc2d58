"""Who we are to a server, and which mechanisms can say so, in the order of what the other side learns.

SCRAM bound to the TLS channel gives away nothing and can't be relayed; SCRAM alone proves that the server knows
the password too; PLAIN and LOGIN hand it over, which TLS keeps from all but the server; CRAM-MD5 hides it from
who reads along, though not from guessing, and many servers that list it can't do it for the passwords they keep.
So with TLS it comes last, and without it is all there is (`exchange.py`).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from smtp.sasl.mechanism import ChannelBinding, Mechanism
from smtp.sasl.plain import CramMd5, External, Login, Plain, has_md5
from smtp.text import repr_without

BINDABLE = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1")
"""The mechanisms to which it matters whether the connection has a channel binding, the plain forms too."""


class Credentials(Protocol):
    """Who we are to the server."""

    @property
    def optional(self) -> bool:
        """Whether to go on without logging in where the server offers none of the mechanisms."""

    @property
    def secret(self) -> str:
        """What nobody may be shown, not even in a reply of the server that repeats it; "" for none."""

    @property
    def names(self) -> tuple[str, ...]:
        """The mechanisms that can carry it, the one to prefer first. A -PLUS form needs a channel binding."""

    def mechanism(self, name: str, binding: ChannelBinding | None) -> Mechanism:
        """A new exchange by one of `names`. `binding` is the TLS connection's; None where it has none."""


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

    @property
    def names(self) -> tuple[str, ...]:
        return (*BINDABLE, "PLAIN", "LOGIN", "CRAM-MD5") if has_md5() else (*BINDABLE, "PLAIN", "LOGIN")

    def mechanism(self, name: str, binding: ChannelBinding | None) -> Mechanism:
        if name == "PLAIN":
            return Plain(self.username, self.password)
        if name == "LOGIN":
            return Login(self.username, self.password)
        if name == "CRAM-MD5":
            return CramMd5(self.username, self.password)
        from smtp.sasl.scram import Scram  # it takes tables of Unicode

        hash_name = name.removeprefix("SCRAM-").removesuffix("-PLUS")
        return Scram(self.username, self.password, hash_name, binding, plus=name.endswith("-PLUS"))


class PlainAuth(NamedTuple):
    """A password for PLAIN alone, and for the server `host` alone; `identity` "" acts as the user (RFC 4616)."""

    identity: str
    username: str
    password: str
    host: str

    @property
    def optional(self) -> bool:
        return False

    @property
    def names(self) -> tuple[str, ...]:
        return ("PLAIN",)

    def __repr__(self) -> str:
        return repr_without(("password",), "PlainAuth", self._asdict())

    @property
    def secret(self) -> str:
        return self.password

    def mechanism(self, name: str, binding: ChannelBinding | None) -> Mechanism:  # noqa: ARG002 - there is but one
        return Plain(self.username, self.password, self.identity)


class CramMd5Auth(NamedTuple):
    """A password for CRAM-MD5 alone (RFC 2195)."""

    username: str
    secret: str

    @property
    def optional(self) -> bool:
        return False

    @property
    def names(self) -> tuple[str, ...]:
        return ("CRAM-MD5",)

    def __repr__(self) -> str:
        return repr_without(("secret",), "CramMd5Auth", self._asdict())

    def mechanism(self, name: str, binding: ChannelBinding | None) -> Mechanism:  # noqa: ARG002 - there is but one
        return CramMd5(self.username, self.secret)


class BearerCredentials(NamedTuple):
    """A user name and an OAuth access token, for the server `host`:`port` and no other."""

    username: str
    token: str
    host: str
    port: int

    @property
    def optional(self) -> bool:
        return False

    @property
    def names(self) -> tuple[str, ...]:
        return ("OAUTHBEARER", "XOAUTH2")

    def __repr__(self) -> str:
        return repr_without(("token",), "BearerCredentials", self._asdict())

    @property
    def secret(self) -> str:
        return self.token

    def mechanism(self, name: str, binding: ChannelBinding | None) -> Mechanism:  # noqa: ARG002 - neither is bound
        from smtp.sasl.bearer import OAuthBearer, XOAuth2  # it takes JSON

        if name == "OAUTHBEARER":
            return OAuthBearer(self.username, self.token, self.host, self.port)
        return XOAuth2(self.username, self.token)


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

    @property
    def names(self) -> tuple[str, ...]:
        return ("EXTERNAL",)

    def mechanism(self, name: str, binding: ChannelBinding | None) -> Mechanism:  # noqa: ARG002 - there is but one
        return External(self.authzid)

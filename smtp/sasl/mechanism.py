"""SASL: how we say who we are (RFC 4422), as SMTP carries it (RFC 4954).

A mechanism is one exchange: bytes in, bytes out, no base64 and no sockets; the session frames it. Whoever
uses it makes a new one for each try. Credentials know which mechanisms they can be used with, and in which
order: by what the other side learns. SCRAM bound to the TLS channel gives away nothing and can't be relayed;
SCRAM alone proves that the server knows the password too; CRAM-MD5 hides the password from who reads
along, though not from guessing; PLAIN and LOGIN hand it over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from smtp.errors import AuthenticationFailed, Category

REASON_LIMIT = 300
"""Characters of a server's text that are shown."""


@dataclass(frozen=True, slots=True)
class ChannelBinding:
    """What ties an exchange to one TLS connection: `kind` is the name that IANA lists (RFC 5056)."""

    kind: str
    data: bytes = field(repr=False)


class Mechanism(Protocol):
    """One exchange with a server. Raises `AuthenticationFailed` when it can't go on: cancel with `*` then."""

    @property
    def name(self) -> str:
        """As the server lists it: `SCRAM-SHA-256-PLUS`."""

    @property
    def exposes_secret(self) -> bool:
        """Whether reading the exchange is enough to have the password or token: such a one needs TLS."""

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


class Credentials(Protocol):
    """Who we are to the server."""

    @property
    def optional(self) -> bool:
        """Whether to go on without logging in where the server offers none of the mechanisms."""

    @property
    def secret(self) -> str:
        """What nobody may be shown, not even in a reply of the server that repeats it; "" for none."""

    def mechanisms(self, binding: ChannelBinding | None) -> tuple[Mechanism, ...]:
        """New exchanges, the strongest first: use the first that the server offers, and no other.

        `binding` is the TLS connection's; None without TLS, or where it has none.
        """


def readable(text: str, *secrets: str, limit: int = REASON_LIMIT) -> str:
    """A stranger's `text` as it may be shown: short, without control or BiDi characters or any of `secrets`."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    shown = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


class OneMessage:
    """A mechanism whose client says all it has to say at once. An empty challenge asks for it (again)."""

    name: ClassVar[str]
    exposes_secret: ClassVar[bool] = True
    reason = ""
    instead = None

    def __init__(self) -> None:
        self._asked = False

    def message(self) -> bytes:
        raise NotImplementedError

    def start(self) -> bytes | None:
        return self.message()

    def respond(self, challenge: bytes) -> bytes:
        # A server that did not take the initial response asks with an empty challenge (RFC 4954 section 4).
        if challenge or self._asked:
            raise AuthenticationFailed(f"The server asked for more than {self.name} has to say.")
        self._asked = True
        return self.message()

    def finish(self) -> None:
        """One message is a complete exchange."""


class Plain(OneMessage):
    """RFC 4616: user name and password, in clear."""

    name = "PLAIN"

    def __init__(self, username: str, password: str) -> None:
        super().__init__()
        self._username, self._password = username, password

    def message(self) -> bytes:
        if "\0" in self._username or "\0" in self._password:
            raise unusable("PLAIN can't carry a NUL in a user name or password.")
        return b"\0" + utf8(self._username) + b"\0" + utf8(self._password)


class Login:
    """LOGIN: the server prompts for the user name, then for the password. Never standardised, widely alone.

    The prompts are told apart by their order: servers word and translate them as they like.
    """

    name: ClassVar[str] = "LOGIN"
    exposes_secret: ClassVar[bool] = True
    reason = ""
    instead = None

    def __init__(self, username: str, password: str) -> None:
        self._answers = [utf8(password), utf8(username)]

    def start(self) -> bytes | None:
        return None

    def respond(self, challenge: bytes) -> bytes:  # noqa: ARG002 - one prompt is as good as another
        if not self._answers:
            raise AuthenticationFailed("The server prompted more than twice; LOGIN has two prompts.")
        return self._answers.pop()

    def finish(self) -> None:
        if self._answers:
            raise AuthenticationFailed("The server accepted LOGIN before it had asked for the password.")


class CramMd5:
    """RFC 2195: the password keys a hash of the server's challenge."""

    name: ClassVar[str] = "CRAM-MD5"
    exposes_secret: ClassVar[bool] = False
    reason = ""
    instead = None

    def __init__(self, username: str, password: str) -> None:
        self._username, self._password = username, password
        self._answered = False

    def start(self) -> bytes | None:
        return None

    def respond(self, challenge: bytes) -> bytes:
        import hmac

        if self._answered or not challenge:
            raise AuthenticationFailed("The server's CRAM-MD5 challenge was empty, or came twice.")
        self._answered = True
        digest = hmac.new(utf8(self._password), challenge, "md5").hexdigest()
        return utf8(self._username) + b" " + digest.encode()

    def finish(self) -> None:
        if not self._answered:
            raise AuthenticationFailed("The server accepted CRAM-MD5 without a challenge.")


class External(OneMessage):
    """RFC 4422 appendix A: the client certificate has said who we are; `authzid` is for acting as another."""

    name = "EXTERNAL"
    exposes_secret = False

    def __init__(self, authzid: str) -> None:
        super().__init__()
        self._authzid = authzid

    def message(self) -> bytes:
        return utf8(self._authzid)


@dataclass(frozen=True, slots=True)
class PasswordCredentials:
    """A user name and a password.

    Every -PLUS form comes before every plain one: what binding to the channel adds (nobody in between can
    relay the exchange) outweighs SHA-1 against SHA-256, both of which are sound inside HMAC. It also makes
    the plain forms the ones for servers that offered no -PLUS at all, which they then say (`scram.py`).
    """

    username: str
    password: str = field(repr=False)
    optional: ClassVar[bool] = False

    @property
    def secret(self) -> str:
        return self.password

    def mechanisms(self, binding: ChannelBinding | None) -> tuple[Mechanism, ...]:
        from smtp.sasl.scram import Scram

        who = (self.username, self.password)
        bound = tuple(Scram(*who, hash_name, binding, plus=True) for hash_name in ("SHA-256", "SHA-1"))
        unbound = tuple(Scram(*who, hash_name, binding) for hash_name in ("SHA-256", "SHA-1"))
        cram = (CramMd5(*who),) if _has_md5() else ()
        return (*(bound if binding else ()), *unbound, *cram, Plain(*who), Login(*who))


@dataclass(frozen=True, slots=True)
class BearerCredentials:
    """A user name and an OAuth access token, for the server `host`:`port` and no other."""

    username: str
    token: str = field(repr=False)
    host: str
    port: int
    optional: ClassVar[bool] = False

    @property
    def secret(self) -> str:
        return self.token

    def mechanisms(self, binding: ChannelBinding | None) -> tuple[Mechanism, ...]:  # noqa: ARG002 - not bound
        from smtp.sasl.bearer import OAuthBearer, XOAuth2

        return (OAuthBearer(self), XOAuth2(self))


@dataclass(frozen=True, slots=True)
class ExternalCredentials:
    """The client certificate of the TLS connection. `authzid` "" leaves it to the server who that is.

    A server may be content with the certificate itself and offer no EXTERNAL.
    """

    authzid: str = ""
    optional: ClassVar[bool] = True
    secret: ClassVar[str] = ""

    def mechanisms(self, binding: ChannelBinding | None) -> tuple[Mechanism, ...]:  # noqa: ARG002 - is TLS itself
        return (External(self.authzid),)


def unusable(text: str) -> AuthenticationFailed:
    return AuthenticationFailed(text, category=Category.CONFIGURATION)


def utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # its text would quote the secret, so it is not kept as the cause
        raise unusable("The user name or password has characters that are not Unicode text.") from None


def _has_md5() -> bool:
    """False where the machine's policy (FIPS) has switched MD5 off: then there is no CRAM-MD5 either."""
    import hmac

    try:
        hmac.new(b"", b"", "md5")
    except ValueError:
        return False
    return True

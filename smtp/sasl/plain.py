"""The mechanisms of one message or one hash: PLAIN, LOGIN, CRAM-MD5 and EXTERNAL."""

from __future__ import annotations

from typing import ClassVar

from smtp.errors import AuthenticationFailed, Category


class OneMessage:
    """A mechanism whose client says all it has to say at once. An empty challenge asks for it (again)."""

    name: ClassVar[str]
    exposes_secret: ClassVar[bool] = True
    reads_challenges: ClassVar[bool] = True
    reason = ""
    instead = None
    _asked = False

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
    """RFC 4616: user name and password, in clear. `identity` is whom to act as, where that is somebody else."""

    name = "PLAIN"

    def __init__(self, username: str, password: str, identity: str = "") -> None:
        self._username, self._password, self._identity = username, password, identity

    def message(self) -> bytes:
        message = f"{self._identity}\0{self._username}\0{self._password}"
        if message.count("\0") > 2:
            raise unusable("PLAIN can't carry a NUL in a user name or password.")
        return utf8(message)


class Login:
    """LOGIN: the server prompts for the user name, then for the password. Never standardised, widely alone.

    The prompts are told apart by their order: servers word and translate them as they like.
    """

    name: ClassVar[str] = "LOGIN"
    exposes_secret: ClassVar[bool] = True
    reads_challenges: ClassVar[bool] = False
    reason = ""
    instead = None

    def __init__(self, username: str, password: str) -> None:
        self._answers = [password, username]

    def start(self) -> bytes | None:
        return None

    def respond(self, challenge: bytes) -> bytes:  # noqa: ARG002 - one prompt is as good as another
        if not self._answers:
            raise AuthenticationFailed("The server prompted more than twice; LOGIN has two prompts.")
        return utf8(self._answers.pop())

    def finish(self) -> None:
        if self._answers:
            raise AuthenticationFailed("The server accepted LOGIN before it had asked for the password.")


class CramMd5:
    """RFC 2195: the password keys a hash of the server's challenge."""

    name: ClassVar[str] = "CRAM-MD5"
    exposes_secret: ClassVar[bool] = False
    reads_challenges: ClassVar[bool] = True
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
        self._authzid = authzid

    def message(self) -> bytes:
        return utf8(self._authzid)


def has_md5() -> bool:
    """False where the machine's policy (FIPS) has switched MD5 off: then there is no CRAM-MD5 either."""
    import hmac

    try:
        hmac.new(b"", b"", "md5")
    except ValueError:
        return False
    return True


def unusable(text: str) -> AuthenticationFailed:
    return AuthenticationFailed(text, category=Category.CONFIGURATION)


def utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # its text would quote the secret, so it is not kept as the cause
        raise unusable("The user name or password has characters that are not Unicode text.") from None

"""What can go wrong on the wire, as facts: step, reply, category, and whether a retry makes sense.

Ours and theirs are kept apart: `LocalProtocolError` means that this program asked for something SMTP does
not allow and must be mended here; `RemoteProtocolError` means that the server did, and that nothing it says
afterwards on that connection can be trusted.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smtp.reply import Reply


class Step(StrEnum):
    """Where in the life of a connection something happened."""

    NAME_RESOLUTION = "name resolution"
    CONNECT = "connection"
    BANNER = "banner"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    TLS = "TLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BODY = "body"
    END = "end of message"
    RSET = "RSET"
    NOOP = "NOOP"
    VRFY = "VRFY"
    QUIT = "QUIT"


class Category(StrEnum):
    """What kind of trouble it is, and so who can mend it."""

    CONFIGURATION = "configuration"
    """A setting, here or at the server, has to change."""
    NETWORK = "network"
    """Unreachable, closed, reset or silent."""
    PROTOCOL = "protocol"
    """The server broke SMTP."""
    SECURITY = "security"
    """Going on could have exposed the mail or a credential."""
    AUTHENTICATION = "authentication"
    """The server did not accept who we say we are."""
    TEMPORARY = "temporary"
    """A 4xx reply: the same may succeed later."""
    PERMANENT = "permanent"
    """A 5xx reply: the same will fail again."""
    CONTENT = "content"
    """What was to be sent could not be read to its end, or is not what it was said to be."""
    CANCELLED = "cancelled"
    """Somebody stopped it."""
    INPUT = "input"
    """What was asked for can't be done as it was asked: a parameter has to change."""
    INTERNAL = "internal"
    """A mistake in this program."""


class Reason(StrEnum):
    """What exactly is wrong, where step and category leave it open and whoever knows the settings has advice."""

    NONE = ""
    UNKNOWN_NAME = "unknown host name"
    SILENT_BANNER = "no banner, and no TLS yet"
    NO_STARTTLS = "STARTTLS is not offered"
    NOT_TLS = "plain text where TLS was due"
    SELF_SIGNED_CERTIFICATE = "self-signed certificate"
    UNTRUSTED_AUTHORITY = "untrusted authority"
    UNKNOWN_AUTHORITY = "unknown authority"
    OTHER_HOST_NAME = "certificate for another host name"
    OTHER_IP_ADDRESS = "certificate for another IP address"
    LOGIN_IN_CLEAR = "the secret would cross the network in clear"
    NO_COMMON_MECHANISM = "no mechanism in common"
    OTHER_MECHANISM = "the mechanism does not fit the login"
    NO_LOGIN_OFFERED = "no login offered"
    NO_LOGIN_OFFERED_IN_CLEAR = "no login offered without TLS"


class MailError(Exception):
    """Base of everything that can stand in the way of a mail. The facts are fields, never text to be searched.

    `step` is where it happened, in the words of the layer that raised it; `retry_after` is in seconds, None where
    nobody said. Text and hint are made for people and hold no secret.
    """

    server = ""
    """Host and port of the server that could not be used; "" where it was not about one, or nobody noted it."""

    def __init__(
        self,
        text: str,
        *,
        step: str,
        category: Category,
        retryable: bool = False,
        retry_after: float | None = None,
        reply: Reply | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(text)
        self.text = text
        self.step = step
        self.category = category
        self.retryable = retryable
        self.retry_after = retry_after
        self.reply = reply
        self.hint = hint

    @property
    def code(self) -> int | None:
        """The server's reply code; None where no server said anything."""
        return self.reply.code if self.reply is not None else None

    @property
    def enhanced_code(self) -> str:
        """The reply's enhanced status code (RFC 3463), "" where there is none."""
        return self.reply.enhanced_code if self.reply is not None else ""


class SmtpError(MailError):
    """Base of everything that a session raises."""

    step: Step
    reason: Reason = Reason.NONE


class LocalProtocolError(Exception):
    """We broke the protocol, or were asked to: a mistake in the calling code, nothing was written."""


class InvalidValue(ValueError):
    """An address, host name or parameter that can't be put on the wire as it is. Nothing was written."""


class RemoteProtocolError(SmtpError):
    """The server broke the protocol; the connection is of no further use."""

    def __init__(
        self, text: str, *, step: Step, category: Category = Category.PROTOCOL, reply: Reply | None = None
    ) -> None:
        super().__init__(text, step=step, category=category, reply=reply)


class OutOfStep(RemoteProtocolError):
    """There were more replies than commands: nobody knows which reply answered which command."""


class ConnectError(SmtpError):
    """No connection came about: the name does not resolve, or no address answers."""

    def __init__(
        self,
        text: str,
        *,
        step: Step,
        category: Category,
        retryable: bool,
        reason: Reason = Reason.NONE,
        hint: str = "",
    ) -> None:
        super().__init__(text, step=step, category=category, retryable=retryable, hint=hint)
        self.reason = reason


class ConnectionLost(SmtpError):
    """The connection ended, or went silent, where more was due."""

    def __init__(self, text: str, *, step: Step, reply: Reply | None = None) -> None:
        super().__init__(text, step=step, category=Category.NETWORK, retryable=True, reply=reply)


class TimedOut(ConnectionLost):
    """Nothing, or not enough, came within the time allowed."""


class TlsError(SmtpError):
    """TLS did not come about."""

    def __init__(
        self,
        text: str,
        *,
        category: Category = Category.CONFIGURATION,
        reason: Reason = Reason.NONE,
        hint: str = "",
    ) -> None:
        super().__init__(text, step=Step.TLS, category=category, hint=hint)
        self.reason = reason


class CertificateError(TlsError):
    """The server's certificate is not good for this server."""


class NotOffered(SmtpError):
    """The server does not offer something that was required."""

    def __init__(self, text: str, *, step: Step, category: Category, reason: Reason = Reason.NONE) -> None:
        super().__init__(text, step=step, category=category)
        self.reason = reason


class Refused(SmtpError):
    """The server said no, with a 4xx or 5xx reply."""

    def __init__(self, text: str, *, step: Step, reply: Reply, hint: str = "") -> None:
        temporary = reply.code < 500
        category = Category.TEMPORARY if temporary else Category.PERMANENT
        super().__init__(text, step=step, category=category, retryable=temporary, reply=reply, hint=hint)


class AuthenticationRefused(Refused):
    """The server did not accept the credential (RFC 4954 section 6)."""

    def __init__(self, text: str, *, reply: Reply, mechanism: str, explanation: str = "") -> None:
        super().__init__(text, step=Step.AUTH, reply=reply)
        self.category = Category.TEMPORARY if reply.code < 500 else Category.AUTHENTICATION
        self.mechanism = mechanism
        self.explanation = explanation
        """What the mechanism's error challenge said, "" where there was none."""


class AuthenticationFailed(SmtpError):
    """The exchange went wrong before the server could judge it: a bad challenge, a wrong server signature."""

    def __init__(self, text: str, *, category: Category = Category.AUTHENTICATION, hint: str = "") -> None:
        super().__init__(text, step=Step.AUTH, category=category, hint=hint)


class TooLarge(SmtpError):
    """The message is larger than the server takes (RFC 1870). It was not offered to it."""

    def __init__(self, text: str) -> None:
        super().__init__(text, step=Step.MAIL, category=Category.PERMANENT)


class ContentError(SmtpError):
    """The message could not be read to its end, so it was not completed at the server."""

    def __init__(self, text: str) -> None:
        super().__init__(text, step=Step.BODY, category=Category.CONTENT)


class Cancelled(SmtpError):
    """Somebody stopped it."""

    def __init__(self, text: str, *, step: Step) -> None:
        super().__init__(text, step=step, category=Category.CANCELLED)

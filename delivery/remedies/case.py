"""What is known of a reply: when it is meant, what it is about, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from smtp.errors import Category, Step

MINUTE = 60.0
HOUR = 60 * MINUTE


class Subject(StrEnum):
    """What a hint is about, and so who can do something about it."""

    PASSWORD = "user name and password"  # noqa: S105 - the name of a subject
    APP_PASSWORD = "app password"  # noqa: S105 - the name of a subject
    PASSWORDS_ARE_OFF = "password logins are switched off"
    SMTP_AUTH_IS_OFF = "SMTP AUTH is switched off"
    TOKEN = "token"  # noqa: S105 - the name of a subject
    MECHANISM = "mechanism"
    LOGIN = "a login is needed"
    TLS = "TLS"
    OWN_NAME = "the name in EHLO"
    SENDER = "sender address"
    SENDER_DOMAIN = "sender's domain"
    DOMAIN_PROOF = "SPF, DKIM and DMARC"
    RELAY = "relay"
    REPUTATION = "block list or reputation"
    ACCOUNT = "account or tenant"
    CONNECTIONS = "connections at once"
    RATE = "rate"
    QUOTA = "daily limit"
    GREYLIST = "greylisting"
    SERVER = "the server's own trouble"
    RECIPIENTS = "number of recipients"
    CLOSED = "recipient takes mail of some senders only"
    RECIPIENT_MAILBOX = "recipient's mailbox"
    SENDER_MAILBOX = "sender's mailbox"
    SIZE = "size"
    CONTENT = "content"
    UNICODE = "Unicode addresses"


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do. None: what the reply's code says by itself stands. `retry_after` is in seconds.

    `page` is the document in docs/errors/ that says more, without its ending; "" for none.
    """

    advice: str
    subject: Subject
    category: Category | None = None
    retryable: bool | None = None
    retry_after: float | None = None
    page: str = ""

    @property
    def hint(self) -> str:
        """The advice, and where there is more of it."""
        if not self.page:
            return self.advice
        return f"{self.advice} See docs/errors/{self.page}.md (smtp-connector explain {self.page})."


@dataclass(frozen=True, slots=True)
class Case:
    """When a remedy is meant. `steps`, `enhanced` and `says` may be empty: any.

    `enhanced` may hold a range ("5.7.700-749"); `says` are parts of the reply's text in lower case, one of which it has
    to have.
    """

    steps: tuple[Step, ...]
    codes: tuple[int, ...]
    enhanced: tuple[str, ...]
    says: tuple[str, ...]
    remedy: Remedy

    def fits(self, step: Step, code: int, enhanced_code: str, text: str) -> bool:
        return (
            code in self.codes
            and (not self.steps or step in self.steps)
            and (not self.enhanced or any(_is_within(enhanced_code, each) for each in self.enhanced))
            and (not self.says or any(part in text for part in self.says))
        )


def setting(advice: str, subject: Subject, page: str = "") -> Remedy:
    """Nothing gets better by itself: a setting, here or at the provider, has to change."""
    return Remedy(advice, subject, category=Category.CONFIGURATION, retryable=False, page=page)


def wait(advice: str, subject: Subject, seconds: float, page: str = "") -> Remedy:
    return Remedy(
        advice, subject, category=Category.TEMPORARY, retryable=True, retry_after=seconds, page=page
    )


def _is_within(code: str, wanted: str) -> bool:
    first, _, last = wanted.partition("-")
    if not last:
        return code == first
    head, _, low = first.rpartition(".")
    own_head, _, detail = code.rpartition(".")
    return own_head == head and detail.isdigit() and int(low) <= int(detail) <= int(last)


LOGIN = (Step.AUTH,)
RECIPIENT = (Step.RCPT,)
DATA_AND_END = (Step.BODY, Step.END)
ENVELOPE = (Step.MAIL, Step.RCPT)
SENDING = (Step.MAIL, Step.RCPT, Step.DATA, Step.BODY, Step.END)
GREETING = (Step.BANNER, Step.EHLO)
ANYWHERE: tuple[Step, ...] = ()

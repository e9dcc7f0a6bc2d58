"""Replies about the message itself, and the mailbox that it is for."""

from __future__ import annotations

from delivery.remedies.case import DATA_AND_END, SENDING, Case, Remedy, Subject, setting
from smtp.errors import Step

_TOO_LARGE = Remedy(
    "The message is larger than the server takes; attachments grow by 37% on their way.",
    Subject.SIZE,
    page="552-5.3.4",
)
_FORBIDDEN = Remedy(
    "The server does not take what the message holds: an attachment of a forbidden kind, a virus, or a link that it "
    "distrusts. Send it in another form (a password-protected archive, a link to a share).",
    Subject.CONTENT,
    page="552-5.7.0",
)
_SPAM = Remedy(
    "The server takes the message for spam: see what the reply says, and send a mail with plain words and no links to "
    "find out what it objects to.",
    Subject.CONTENT,
    page="550-5.7.1",
)
_RECIPIENT_FULL = Remedy("The recipient's mailbox is full.", Subject.RECIPIENT_MAILBOX, page="552-5.2.2")
_UNICODE = setting(
    "The server wants SMTPUTF8 for this address: switch allow_smtputf8 on, or give the address in ASCII.",
    Subject.UNICODE,
)

_FULL_WORDS = (
    "over quota",
    "overquota",
    "quota exceeded",
    "exceeded storage",
    "mailbox full",
    "mailbox is full",
    "mailbox size limit",
    "out of storage",
    "user quota",
    "boite du destinataire pleine",
)
_FORBIDDEN_WORDS = (
    "attachment",
    "virus",
    "potential security",
    "banned content",
    "malware",
    "content denied",
)
_SIZE_WORDS = ("size", "too large", "too big", "message length")
_SPAM_WORDS = ("spam", "unsolicited", "suspicious", "rbl", "policy reasons", "message filtered")

CASES = (
    Case(SENDING, (552, 550, 553, 554), ("5.6.7",), (), _UNICODE),
    Case(SENDING, (553,), (), ("smtputf8",), _UNICODE),
    Case(SENDING, (452, 552, 550, 554), ("4.2.2", "5.2.2"), (), _RECIPIENT_FULL),
    Case(SENDING, (452, 550, 552, 554), (), _FULL_WORDS, _RECIPIENT_FULL),
    Case(SENDING, (552, 554, 523), ("5.3.4", "5.2.3"), (), _TOO_LARGE),
    Case(DATA_AND_END, (550, 552, 554), (), _FORBIDDEN_WORDS, _FORBIDDEN),
    Case(DATA_AND_END, (552,), ("5.7.0", "5.7.1"), (), _FORBIDDEN),
    Case(SENDING, (552, 550, 554), (), _SIZE_WORDS, _TOO_LARGE),
    Case((Step.MAIL,), (552,), (), (), _TOO_LARGE),
    Case(DATA_AND_END, (550, 553, 554), (), _SPAM_WORDS, _SPAM),
)  # fmt: skip

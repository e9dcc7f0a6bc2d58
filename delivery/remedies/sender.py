"""Replies about the sender: who may send as whom, and accounts that may not send at all."""

from __future__ import annotations

from delivery.remedies.case import DATA_AND_END, ENVELOPE, SENDING, Case, Remedy, Subject, setting
from smtp.errors import Step

_SEND_AS = setting(
    "The login may not send as this sender: set sender_address (or from) to the login's own address, "
    "or give it the permission Send As for the other one.",
    Subject.SENDER,
    "550-5.7.60",
)
_THROTTLED_SEND_AS = setting(
    "So many mails were refused for their sender that the mailbox is held up: set sender_address (or from) to the "
    "login's own address or give it the permission Send As, and wait.",
    Subject.SENDER,
    "550-5.2.251",
)
_THROTTLED_FULL = setting(
    "So many mails failed because the sender's own mailbox is full that it is held up: make room in it, and wait.",
    Subject.SENDER_MAILBOX,
    "550-5.2.251",
)
_THROTTLED_LICENCE = setting(
    "The mailbox has no licence that lets it send, and is held up: have the tenant's administrator assign one.",
    Subject.ACCOUNT,
    "550-5.2.251",
)
_THROTTLED_RECIPIENTS = setting(
    "Too many mails had too many or unknown recipients, and the mailbox is held up: correct the recipients (the "
    "addresses, and how many), and wait.",
    Subject.RECIPIENTS,
    "550-5.2.251",
)
_FULL = Remedy("The sender's own mailbox is full: make room in it.", Subject.SENDER_MAILBOX, page="554-5.2.2")
_DAILY = Remedy(
    "The daily limit of this account is used up: wait until tomorrow, or send less.",
    Subject.QUOTA,
    retryable=False,
    page="554-5.2.0",
)
_SUSPICIOUS = setting(
    "The provider takes the account's mail for spam: log in to it with a browser and confirm who you are, or have its "
    "administrator release it.",
    Subject.ACCOUNT,
    "550-5.1.8",
)
_BLOCKED_SENDER = setting(
    "The sender was blocked for sending spam: an administrator lifts that under 'Restricted entities'.",
    Subject.ACCOUNT,
    "550-5.1.8",
)
_TENANT = setting(
    "The tenant is held up: a new or unpaid one that sends from other addresses, or one with domains that are not "
    "registered. Its administrator finds out why, registers the domains, or asks Microsoft's support.",
    Subject.ACCOUNT,
    "550-5.7.708",
)
_ATTRIBUTION = setting(
    "The tenant does not know this machine as its own: log in with smtp.office365.com (port 587), or have the inbound "
    "connector's address or certificate corrected.",
    Subject.RELAY,
    "550-5.7.54",
)
_SES_VERIFY = setting(
    "Verify the address in Amazon SES (in its sandbox the recipients' too), and check that server is of "
    "the region where it was verified.",
    Subject.SENDER,
    "554-ses",
)
_SES_PERMISSION = setting(
    "The IAM user of these SMTP credentials lacks the permission ses:SendRawEmail for this sender: have its policy "
    "extended, or take other credentials.",
    Subject.ACCOUNT,
    "554-ses",
)
_SES_PAUSED = setting(
    "Amazon has paused the account's sending: see the reputation metrics and the support case in its console.",
    Subject.ACCOUNT,
    "554-ses",
)
_NO_SUCH_DOMAIN = setting(
    "The sender's domain is not found in DNS: check sender_address (or from) for a typing mistake, or have an MX or "
    "A record made for it.",
    Subject.SENDER_DOMAIN,
    "550-5.1.8",
)
_DOMAIN_NOT_FOUND_NOW = Remedy(
    "The sender's domain is not found in DNS at the moment: check sender_address (or from) for a typing mistake.",
    Subject.SENDER_DOMAIN,
    page="550-5.1.8",
)
_BAD_SENDER = setting(
    "The server does not take this sender: set sender_address (or from) to a full address of a domain that is yours.",
    Subject.SENDER,
    "550-5.7.60",
)

_VERIFY = setting(
    "The provider sends for verified senders only: verify the address or its domain there, or set sender_address (or "
    "from) to one that is.",
    Subject.SENDER,
    "550-5.7.60",
)

_NOT_YOURS = (
    "owned by",
    "send as this sender",
    "not allowed to send as",
    "sendasdenied",
    "must equal authorized user",
    "must be same as authorization user",
    "not permitted to send from",
    "not local sender",
    "sender is not allowed",
    "spoofed message",
    "relaying disallowed as",
)

_NO_DOMAIN_WORDS = (
    "domain not found",
    "domain of sender",
    "unresolvable rfc.5321",
    "sender domain must exist",
)

CASES = (
    Case(SENDING, (550,), ("5.2.251",), (), _THROTTLED_FULL),
    Case(SENDING, (550,), ("5.2.252",), (), _THROTTLED_SEND_AS),
    Case(SENDING, (550,), ("5.2.253",), (), _THROTTLED_LICENCE),
    Case(SENDING, (550,), ("5.2.254", "5.2.255"), (), _THROTTLED_RECIPIENTS),
    Case(SENDING, (550,), ("5.7.60",), (), _SEND_AS),
    Case(SENDING, (554,), ("5.2.252",), (), _SEND_AS),
    Case(SENDING, (501, 550, 553, 554), (), _NOT_YOURS, _SEND_AS),
    Case(SENDING, (550, 553, 554), (), ("verified sender", "sender is not verified"), _VERIFY),
    Case(SENDING, (550, 554), ("5.2.0", "5.7.1", ""), ("outboundspam", "wascl"), _SUSPICIOUS),
    Case(SENDING, (554,), ("5.2.0",), (), _DAILY),
    Case((Step.MAIL, Step.DATA, *DATA_AND_END), (554,), ("5.2.2",), (), _FULL),
    Case(SENDING, (450, 451), (), _NO_DOMAIN_WORDS, _DOMAIN_NOT_FOUND_NOW),
    Case(SENDING, (501, 550, 553), (), _NO_DOMAIN_WORDS, _NO_SUCH_DOMAIN),
    Case(SENDING, (550,), ("5.1.8", "5.7.501", "5.7.502", "5.7.503"), (), _BLOCKED_SENDER),
    Case(SENDING, (550,), ("5.7.64",), (), _ATTRIBUTION),
    Case(SENDING, (550,), ("5.7.700-750",), (), _TENANT),
    Case(DATA_AND_END, (554,), (), ("not verified",), _SES_VERIFY),
    Case(SENDING, (554,), (), ("ses:sendrawemail", "not authorized to perform"), _SES_PERMISSION),
    Case(SENDING, (454, 554), (), ("sending paused",), _SES_PAUSED),
    Case(ENVELOPE, (501, 550, 553), ("5.1.7", "5.1.0", "5.5.2"), ("sender",), _BAD_SENDER),
)  # fmt: skip

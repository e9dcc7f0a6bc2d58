"""Replies about how much, how often and how many at once."""

from __future__ import annotations

from delivery.remedies.case import (
    ANYWHERE,
    DATA_AND_END,
    HOUR,
    MINUTE,
    RECIPIENT,
    SENDING,
    Case,
    Remedy,
    Subject,
    wait,
)

_CONNECTIONS = wait(
    "Too many connections at once (Microsoft 365 allows 3 for a mailbox): lower max_connections, or run fewer actions "
    "of this asset at a time.",
    Subject.CONNECTIONS,
    MINUTE,
    "432-4.3.2",
)
_ANOTHER_CONNECTION = wait(
    "The server takes so many messages over one connection only: the next ones need a new one.",
    Subject.CONNECTIONS,
    1.0,
    "421",
)
BUSY = wait(
    "The server is busy, or limits how fast we may send: try again in a minute or later.",
    Subject.RATE,
    MINUTE,
    "421",
)
"""What is known of a 421 whose words say nothing more: the server closes this connection."""
_SLOWER = wait(
    "More messages than the server takes at a time: set messages_per_minute, or send less.",
    Subject.RATE,
    MINUTE,
    "421",
)
_SES_SLOWER = wait(
    "More messages a second than the account may send: slow down.", Subject.RATE, 1.0, "454-throttling"
)
_DAILY = Remedy(
    "The daily limit of this account is used up: wait until tomorrow, or send less.",
    Subject.QUOTA,
    retryable=False,
    page="550-5.4.5",
)
_RECIPIENT_IS_BUSY = wait(
    "The recipient gets more mail than the server lets through: send less to this address, and later.",
    Subject.RATE,
    10 * MINUTE,
    "450-4.2.1",
)
_RECIPIENT_HOURLY = Remedy(
    "The recipient gets more mail an hour than the server lets through: wait an hour, and send less to this address.",
    Subject.RATE,
    page="450-4.2.1",
)
_TOO_MANY_RECIPIENTS = Remedy(
    "Too many recipients for one message: the others go in another one.", Subject.RECIPIENTS, page="452-4.5.3"
)
_OUT_OF_ROOM = wait(
    "The server is short of disk or memory: try again in some minutes.",
    Subject.SERVER,
    5 * MINUTE,
    "452-4.3.1",
)
_GREYLISTED = wait(
    "The server puts strangers off at first (greylisting): try again in some minutes.",
    Subject.GREYLIST,
    5 * MINUTE,
    "450-4.7.1",
)
_OWN_TROUBLE = wait(
    "The server has trouble of its own: try again in some minutes.", Subject.SERVER, 5 * MINUTE, "451-4.3.0"
)
_LOOKED_AT = wait(
    "The server looks more closely at what comes from here: try again in some minutes, and send less at a time.",
    Subject.REPUTATION,
    5 * MINUTE,
    "451-4.7.500",
)
_UNUSUAL = wait(
    "The server finds this much mail from here unusual: wait for an hour, and send less at a time.",
    Subject.REPUTATION,
    HOUR,
    "451-4.7.500",
)

_MANY_AT_ONCE = (
    "too many connections",
    "too many concurrent",
    "concurrent connections",
    "connection rate limit",
    "thread limit exceeded",
)
_DAILY_WORDS = (
    "daily message quota",
    "daily user sending",
    "daily sending quota",
    "daily limit",
    "submissionquotaexceeded",
    "submission quota",
    "exceeded your quota",
    "too many messages today",
)

PARTICULAR = (
    Case(ANYWHERE, (432,), (), (), _CONNECTIONS),
    Case(ANYWHERE, (421, 450, 451, 452, 454), (), _MANY_AT_ONCE, _CONNECTIONS),
    Case(ANYWHERE, (421, 450, 451), (), ("max message per connection", "too many messages in this connection"),
         _ANOTHER_CONNECTION),
    # By its words alone, and so only towards doing less: SES gives throttling and the daily quota one code.
    Case(DATA_AND_END, (454,), (), _DAILY_WORDS, _DAILY),
    Case(DATA_AND_END, (454,), (), (), _SES_SLOWER),
    Case(SENDING, (550,), ("5.4.5", "5.1.90"), (), _DAILY),
    Case(SENDING, (550, 554), ("5.2.0", "5.2.2", "5.7.1", ""), _DAILY_WORDS, _DAILY),
    Case(SENDING, (450, 452, 550), (), ("receiving mail too quickly", "receiving mail at a rate",
         "recipient has exceeded message rate", "too many recent messages"), _RECIPIENT_IS_BUSY),
    Case(SENDING, (450,), ("4.2.1",), (), _RECIPIENT_IS_BUSY),
    Case(SENDING, (550, 554), ("5.2.121", "5.2.122"), (), _RECIPIENT_HOURLY),
    Case(SENDING, (452,), ("4.5.3",), ("rate limit",), _SLOWER),
    Case(SENDING, (450, 451, 452), ("4.5.3",), (), _TOO_MANY_RECIPIENTS),
    Case(SENDING, (452, 550, 554), ("", "5.5.3", "4.1.1"), ("too many recipients",), _TOO_MANY_RECIPIENTS),
    Case(SENDING, (452, 431), ("4.3.1", "4.4.5"), (), _OUT_OF_ROOM),
    Case(SENDING, (450, 451), (), ("greylist", "graylist", "grey list", "internal resource"), _GREYLISTED),
    Case(ANYWHERE, (421, 450, 451), ("4.7.28", "4.7.650", "4.7.651"), (), _UNUSUAL),
    Case(ANYWHERE, (421, 450, 451), ("4.7.500-699", "4.7.850-899"), (), _LOOKED_AT),
    Case(ANYWHERE, (421, 450, 451), (), ("unusual rate", "user complaints", "excessive volume",
         "very low reputation", "rate limited due to ip reputation"), _UNUSUAL),
)  # fmt: skip

GENERAL = (
    Case(RECIPIENT, (450,), (), ("grey",), _GREYLISTED),
    Case(ANYWHERE, (421,), (), ("rate", "frequency", "too fast", "throttl"), _SLOWER),
    Case(ANYWHERE, (421,), (), (), BUSY),
    Case(SENDING, (450, 451), (), ("rate", "frequency", "too fast", "throttl"), _SLOWER),
    Case(SENDING, (451,), ("4.3.0", "4.3.2", "4.3.5", "4.4.0", "4.4.2", "4.4.3", "4.7.0", "4.7.1", ""), (),
         _OWN_TROUBLE),
)  # fmt: skip

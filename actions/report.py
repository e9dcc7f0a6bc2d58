"""From what happened to what is said about it: deliveries and errors become reports, in these functions only."""

from __future__ import annotations

import re
from typing import Any

from actions.contract import HostError, VaultError, failure
from auth.errors import AuthError
from delivery.certificates import UnusableSetting
from message.errors import MessageError
from smtp.envelope import Address
from smtp.errors import SmtpError
from smtp.outcome import Delivery, Outcome, RecipientDelivery, Status
from smtp.reply import Reply

# What an action can meet without being wrong itself. Anything else is a mistake of ours, and the runner's to tell.
EXPECTED = (SmtpError, AuthError, UnusableSetting, MessageError, VaultError, HostError)

# Step and category of those that don't say it themselves.
_PLACES = (
    (UnusableSetting, "asset", "configuration"),
    (HostError, "host", "configuration"),
    (VaultError, "vault", "input"),
    (Exception, "parameters", "input"),
)

MAX_NAMED = 10
"""Recipients named in a message; `data` has them all."""

# How servers word the name under which they keep a message: Postfix and its like, Exim, Sendmail, Exchange, SES, Gmail.
_QUEUE_IDS = (
    re.compile(r"queued (?:mail for delivery )?as:? <?([A-Za-z0-9._@-]+)>?", re.IGNORECASE),
    re.compile(r"\bid=([A-Za-z0-9-]+)"),
    re.compile(r"^(?:Ok:? )?([A-Za-z0-9]{10,}) Message accepted for delivery", re.IGNORECASE),
    re.compile(r"\[InternalId=(\d+)"),
    re.compile(r"^Ok ([0-9a-f]{16}-[0-9a-f-]{30,})$", re.IGNORECASE),
    re.compile(r"^OK +\d+ ([A-Za-z0-9.-]+) - gsmtp$"),
)


def queue_id(reply: Reply | None) -> str:
    """The server's name for the message, "" where its reply holds none that is known."""
    if reply is None:
        return ""
    text = reply.text
    found = next(filter(None, (pattern.search(text) for pattern in _QUEUE_IDS)), None)
    return found.group(1) if found else ""


def recipient_data(recipient: RecipientDelivery) -> dict[str, Any]:
    reply = recipient.reply
    return {
        "address": str(recipient.address),
        "status": recipient.status.value,
        "code": reply.code if reply else None,
        "enhanced_code": reply.enhanced_code if reply else "",
        "reply": reply.text if reply else "",
        "retryable": recipient.retryable,
    }


def not_tried(addresses: tuple[Address, ...], *, retryable: bool) -> list[dict[str, Any]]:
    """The recipients of a message that got to no server."""
    return [recipient_data(RecipientDelivery(a, Status.NOT_TRIED, None, retryable)) for a in addresses]


def failure_data(error: Exception) -> dict[str, Any]:
    """An error's facts, as a result's `failure`. What a provider's reply is known to mean goes before all else."""
    reply: Reply | None = getattr(error, "reply", None)
    step, category = next((step, category) for kind, step, category in _PLACES if isinstance(error, kind))
    data = failure(
        step=str(getattr(error, "step", step)),
        category=str(getattr(error, "category", category)),
        retryable=getattr(error, "retryable", False),
        hint=getattr(error, "hint", ""),
    )
    if reply is not None:
        data |= {"code": reply.code, "enhanced_code": reply.enhanced_code, "reply": reply.text}
    data["retry_after"] = getattr(error, "retry_after", None)
    return data | _known(error)


def explained(error: Exception) -> str:
    """What happened and what to do, as sentences. Faults begin with the name of their field, as it is spelled."""
    if isinstance(error, MessageError):
        from delivery.remedies import with_settings  # few mails can't be made

        text = with_settings(error)
    else:
        text = _sentence(str(error))
    hint = failure_data(error)["hint"]
    return f"{text} {hint}" if hint else text


def summary(delivery: Delivery) -> dict[str, Any]:
    return {
        "recipients": len(delivery.recipients),
        "accepted": delivery.count(Status.ACCEPTED),
        "refused": delivery.count(Status.REFUSED),
    }


def told(delivery: Delivery, server: str) -> str:
    """The action result's message for a delivery."""
    failure = delivery.failure
    if delivery.outcome is Outcome.SENT or failure is None:
        return "Email sent"
    accepted, count = delivery.count(Status.ACCEPTED), len(delivery.recipients)
    if delivery.outcome is Outcome.PARTLY_SENT:
        return f"Email sent to {accepted} of {count} recipients; {_the_others(delivery)}"
    step = f"at step {failure.step} with {server}"
    if delivery.outcome is Outcome.UNKNOWN:
        return (
            f"The message may have been delivered and was not retried: the answer to it is missing. "
            f"{_sentence(failure.text)} This was {step}. "
            "Look for it at the recipients before you send it again."
        )
    refused = f" {_sentence(_the_others(delivery))}" if delivery.count(Status.REFUSED) else ""
    return f"Nothing was sent, {step}: {explained(failure)}{refused}"


def stopped(what: str, error: Exception, server: str) -> str:
    """`what` came of it, where it ended, and why: the message for an error before any delivery."""
    where = f", at step {error.step} with {server}" if isinstance(error, SmtpError) else ""
    return f"{what}{where}: {explained(error)}"


def server_reply(delivery: Delivery) -> str:
    """What the server said to the message, or that for which it got no further."""
    reply = delivery.reply
    if delivery.outcome is Outcome.NOT_SENT and delivery.failure is not None:
        reply = delivery.failure.reply or reply
    return str(reply) if reply else ""


def _the_others(delivery: Delivery) -> str:
    """The recipients that were not accepted, by status, with the reply to each."""
    parts = []
    for status in (Status.REFUSED, Status.NOT_TRIED, Status.UNKNOWN):
        some = [recipient for recipient in delivery.recipients if recipient.status is status]
        named = [f"{r.address} ({r.reply})" if r.reply else str(r.address) for r in some[:MAX_NAMED]]
        if len(some) > MAX_NAMED:
            named.append(f"and {len(some) - MAX_NAMED} more")
        if named:
            parts.append(f"{status.value}: {', '.join(named)}")
    return "; ".join(parts)


def _sentence(text: str) -> str:
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _known(error: Exception) -> dict[str, Any]:
    """What is known of this reply at this step beyond what the codes say by themselves."""
    if not isinstance(error, SmtpError):
        return {}
    from delivery.remedies import advice, remedy  # few mails are refused

    reply = error.reply
    known = remedy(error.step, reply.code, reply.enhanced_code, reply.text) if reply is not None else None
    if known is None:
        return {"hint": advice(error.reason)} if error.reason else {}
    facts = {
        "hint": known.hint,
        "category": known.category and str(known.category),
        "retryable": known.retryable,
        "retry_after": known.retry_after,
    }
    return {name: value for name, value in facts.items() if value is not None}

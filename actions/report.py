"""From what happened to what is said about it: a delivery's typed record becomes an action result's texts and dicts."""

from __future__ import annotations

import re
import time
from typing import Any

from actions.contract import Report
from delivery.asset import Asset
from delivery.attempt import Attempt, Facts
from message.compose import Draft, Message
from message.errors import MessageError
from smtp.errors import MailError, SmtpError
from smtp.outcome import Delivery, Outcome, RecipientDelivery, Status
from smtp.reply import Reply
from smtp.tls import TlsMode

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


def queue_id(reply: Reply) -> str:
    """The server's name for the message, "" where its reply holds none that is known."""
    text = reply.text
    for pattern in _QUEUE_IDS:
        if found := pattern.search(text):
            return str(found.group(1))
    return ""


def report(attempt: Attempt, asset: Asset) -> Report:
    """What is said of an attempt that has ended."""
    warnings = [] if asset.verify_server_cert else unverified(asset)
    if attempt.message is not None:
        warnings = [*attempt.message.warnings, *warnings]
    data = nothing_delivered(attempt.facts) | {"warnings": warnings if attempt.outgoing is not None else []}
    if attempt.outgoing is not None:
        data["sender"] = str(attempt.outgoing.sender or "")
        data["redirected_recipients"] = [str(address) for address in attempt.outgoing.redirected]
        if isinstance(attempt.outgoing, Draft) and attempt.outgoing.calendar:
            data["uid"] = attempt.outgoing.calendar.uid
        data["duration_ms"] = round((time.monotonic() - attempt.started) * 1000)
    if attempt.message is not None and attempt.delivery is not None:
        return _delivered(attempt.message, attempt.delivery, data)
    assert attempt.error is not None  # noqa: S101 - it has ended
    return _never_sent(attempt, attempt.error, data)


def unfinished(error: MailError, outcome: Outcome, message: str) -> Report:
    """What is said where an action ended, or was ended, and there is no delivery to tell of."""
    data = nothing_delivered(Facts()) | {"outcome": outcome.value, "failure": failure_data(error)}
    return Report(False, message, [data], summary(Delivery(())))


def unverified(asset: Asset) -> list[str]:
    """The warning that belongs to a connection of which nobody knows where it ends."""
    if asset.verify_server_cert or asset.ssl_config == TlsMode.NONE:
        return []
    return [
        "verify_server_cert is off: whoever is between here and the server can read and change this mail."
    ]


def failure_data(error: MailError) -> dict[str, Any]:
    """An error's facts, as a result's `failure`. What a provider's reply is known to mean goes before all else."""
    data = {
        "step": str(error.step),
        "code": error.code,
        "enhanced_code": error.enhanced_code,
        "reply": error.reply.text if error.reply is not None else "",
        "category": str(error.category),
        "retryable": error.retryable,
        "retry_after": error.retry_after,
        "hint": error.hint,
    }
    if isinstance(error, SmtpError) and (error.reply is not None or error.reason):
        data |= _known(error)
    return data


def nothing_delivered(facts: Facts) -> dict[str, Any]:
    """A result's data where nothing was delivered: every key of the manifest's data paths."""
    return {
        "outcome": Outcome.NOT_SENT.value,
        "message_id": "",
        "sender": "",
        "recipients": [],
        "redirected_recipients": [],
        "server_reply": "",
        "queue_id": "",
        "size": 0,
        "attachments": [],
        "warnings": [],
        "server": facts.server,
        "tls_version": facts.tls_version,
        "tls_cipher": facts.tls_cipher,
        "auth_method": facts.auth_method,
        "auth_mechanism": facts.auth_mechanism,
        "duration_ms": 0,
        "repeated": False,
    }


def _delivered(message: Message, delivery: Delivery, data: dict[str, Any]) -> Report:
    """Say what became of a message that was offered to the server; `data` is what is known of it besides."""
    outcome, failure, reply = delivery.outcome, delivery.failure, delivery.reply
    if outcome is Outcome.NOT_SENT and failure is not None:
        reply = failure.reply or reply  # that for which it got no further
    data |= {
        "outcome": outcome.value,
        "message_id": message.message_id,
        "recipients": [_recipient(recipient) for recipient in delivery.recipients],
        "server_reply": str(reply) if reply else "",
        "queue_id": queue_id(delivery.reply) if delivery.reply else "",
        "size": message.content.size,
        "attachments": [
            {"vault_id": a.reference, "name": a.name, "size": a.size, "sha256": a.sha256}
            for a in message.attachments
        ],
    }
    told = "Email sent"
    if failure is not None:
        data["failure"] = failure_data(failure)
        if delivery.count(Status.UNKNOWN):
            # Whatever the error by itself would allow: a second try could make a second mail.
            data["failure"] |= {"retryable": False, "retry_after": None}
        if outcome is not Outcome.SENT:
            told = _told(delivery, failure, outcome, data["server"])
    success = outcome in (Outcome.SENT, Outcome.PARTLY_SENT)
    return Report(success, told, [data], summary(delivery))


def _never_sent(attempt: Attempt, error: MailError, data: dict[str, Any]) -> Report:
    """It ended before there was anything to deliver: what stood in the way, and for whom it was meant."""
    recipients = attempt.outgoing.recipients if attempt.outgoing is not None else ()
    not_tried = (RecipientDelivery(a, Status.NOT_TRIED, None, error.retryable) for a in recipients)
    data["recipients"] = [_recipient(recipient) for recipient in not_tried]
    data["failure"] = failure_data(error)
    if attempt.outgoing is not None or isinstance(error, MessageError):
        text = stopped("Nothing was sent", error, data["server"])
    else:
        text = f"Nothing was sent. {error.text}"
    return Report(False, text, [data], {"recipients": len(recipients), "accepted": 0, "refused": 0})


def _recipient(recipient: RecipientDelivery) -> dict[str, Any]:
    reply = recipient.reply
    return {
        "address": str(recipient.address),
        "status": recipient.status.value,
        "code": reply.code if reply else None,
        "enhanced_code": reply.enhanced_code if reply else "",
        "reply": reply.text if reply else "",
        "retryable": recipient.retryable,
    }


def explained(error: MailError) -> str:
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


def _told(delivery: Delivery, failure: MailError, outcome: Outcome, server: str) -> str:
    """The action result's message for a delivery that not everybody got."""
    accepted, count = delivery.count(Status.ACCEPTED), len(delivery.recipients)
    if outcome is Outcome.PARTLY_SENT:
        return f"Email sent to {accepted} of {count} recipients; {_the_others(delivery)}"
    step = f"at step {failure.step} with {server}"
    if outcome is Outcome.UNKNOWN:
        return (
            f"The message may have been delivered and was not retried: the answer to it is missing. "
            f"{_sentence(failure.text)} This was {step}. "
            "Look for it at the recipients before you send it again."
        )
    refused = f" {_sentence(_the_others(delivery))}" if delivery.count(Status.REFUSED) else ""
    return f"Nothing was sent, {step}: {explained(failure)}{refused}"


def stopped(what: str, error: MailError, server: str) -> str:
    """`what` came of it, where it ended, and why: the message for an error before any delivery."""
    where = f", at step {error.step} with {server}" if isinstance(error, SmtpError) else ""
    return f"{what}{where}: {explained(error)}"


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


def _known(error: SmtpError) -> dict[str, Any]:
    """What is known of this reply at this step beyond what the codes say by themselves."""
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

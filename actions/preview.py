"""What would go out: a message composed and taken apart again, without anything being connected."""

from __future__ import annotations

from typing import Any

from actions.contract import Context, Report, VaultError
from actions.report import explained, failure_data
from delivery.attempt import Outgoing
from message.compose import Draft, Message
from message.parts import look_through
from smtp.errors import MailError

LARGEST_SHOWN = 256 * 1024
"""Octets of a message that is shown as it is; a larger one goes into the vault, if that takes it."""
PREVIEWED = "This is the message that would be sent; nothing was sent"
FILE_NAME = "preview.eml"


def preview(outgoing: Outgoing, context: Context) -> Report:
    """Compose a message as for a server that offers 8BITMIME, and SMTPUTF8 where the account may use it.

    Raises `MessageError` for one that no server could be given, and `AttachmentChanged`.
    """
    message = outgoing.compose(eight_bit=True, smtputf8=context.asset.allow_smtputf8)
    seen = look_through(message.content.chunks())
    warnings = list(message.warnings)
    eml, vault_id = _source(message, context, warnings)
    text, html = seen.text, seen.html
    if isinstance(outgoing, Draft):  # its own are readable even if the message is encrypted
        text, html = outgoing.text, outgoing.html or ""
    data: dict[str, Any] = {
        "sender": str(outgoing.sender),
        "recipients": [str(address) for address in outgoing.recipients],
        "redirected_recipients": [str(address) for address in outgoing.redirected],
        "subject": next((value for name, value in seen.headers if name.lower() == "subject"), ""),
        "text": text,
        "html": html,
        "headers": [{"name": name, "value": value} for name, value in seen.headers],
        "size": message.content.size,
        "structure": [
            {
                "depth": part.depth,
                "type": part.type,
                "name": part.name,
                "content_id": part.content_id,
                "size": part.size,
            }
            for part in seen.parts
        ],
        "warnings": warnings,
        "eml": eml,
        "eml_vault_id": vault_id,
    }
    summary = {"recipients": len(data["recipients"]), "size": data["size"], "warnings": len(warnings)}
    return Report(True, PREVIEWED, [data], summary)


def refused(error: MailError) -> Report:
    """What is said of a message that can't be made as it was asked for."""
    return Report(False, f"This can't be sent: {explained(error)}", [{"failure": failure_data(error)}])


def _source(message: Message, context: Context, warnings: list[str]) -> tuple[str, str]:
    """The message itself, and its vault id where it is too large, or no text, to be shown: then that stands for it."""
    if message.content.size <= LARGEST_SHOWN:
        try:
            return b"".join(message.content.chunks()).decode(), ""
        except UnicodeDecodeError:
            pass  # it has octets of another charset, which a result can't hold
    try:
        vault_id = context.vault.add(FILE_NAME, message.content.chunks())
    except VaultError as exc:
        warnings.append(f"the message itself is not shown: {exc}")
        return "", ""
    return vault_id, vault_id

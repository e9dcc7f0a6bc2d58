"""What the sends share: a message's addressing and defaults, and the report of what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from actions import report as reports
from actions.attachments import Wanted, answered_mail, from_memory, look_up, named
from actions.contract import Context, Report
from delivery.asset import PROTECTING, Asset
from delivery.attempt import Attempt, Outgoing
from delivery.audience import audience
from delivery.errors import UnusableSettings, unusable
from delivery.transport import Transport
from delivery.window import deliver
from message.audience import EVERYBODY
from message.draft import NOT_IN_TEXT, Addressing, Defaults
from message.errors import Fault, shown

if TYPE_CHECKING:
    from message.attachments import Attachment


class Common(NamedTuple):
    """The parameters that `send email` and `send htmlemail` share, as in the manifest."""

    addressing: Addressing
    in_reply_to: str
    thread: bool
    attachment_names: str | Mapping[str, object]
    transient_files: str | Sequence[Any]

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """From values that the manifest's schema has accepted."""
        return cls(
            Addressing(
                to=values.get("to"),
                sender=values.get("from"),
                cc=values.get("cc"),
                bcc=values.get("bcc"),
                subject=values.get("subject"),
                headers=values.get("headers"),
                reply_to=values.get("reply_to"),
                importance=values.get("importance", ""),
                envelope_sender=values.get("envelope_sender", ""),
                dsn=values.get("dsn", ""),
                template_values=values.get("template_values"),
            ),
            values.get("in_reply_to", ""),
            values.get("thread", False),
            values.get("attachment_names", ""),
            values.get("transient_files", ""),
        )

    def looked_up(self, wanted: Sequence[Wanted], context: Context) -> Lookup:
        """Everything that lies outside the parameters themselves: files, the mail that is answered, the thread."""
        files, faults = look_up(wanted, context.vault) if wanted else ([], [])
        if self.attachment_names:
            files, more = named(files, self.attachment_names)
            faults += more
        if self.transient_files:
            transient, more = from_memory(self.transient_files)
            files += transient
            faults += more
        answered: str | bytes = ""
        if self.in_reply_to:
            answered, more = answered_mail(self.in_reply_to, context.vault)
            faults += more
        if self.thread and not context.container_id:
            faults.append(Fault("thread", "outside a container there are no mails that could form one"))
        thread = f"{context.asset.id}:{context.container_id}" if self.thread else ""
        addressing = self.addressing._replace(in_reply_to=answered, thread=thread)
        return Lookup(addressing, files, faults)


class Lookup(NamedTuple):
    """What a message is made of, and what was found wrong with it so far."""

    addressing: Addressing
    files: Sequence[Attachment]
    faults: Sequence[Fault]


def defaults(asset: Asset) -> Defaults:
    """What the asset says about messages, and what of it can't be used."""
    faults: list[Fault] = []
    rules = EVERYBODY
    if asset.allowed_recipients or asset.denied_recipients or asset.max_recipients or asset.redirect_to:
        try:
            rules = audience(asset)
        except UnusableSettings as exc:
            faults += exc.faults
    protection = None
    if [name for name in PROTECTING if getattr(asset, name)]:
        from delivery.protection import protection as of_account  # few accounts sign or encrypt

        try:
            protection = of_account(asset)
        except UnusableSettings as exc:
            faults += exc.faults
    if asset.sender_address.strip():
        sender, field = asset.sender_address, "sender_address"
    else:
        sender, field = (asset.username if "@" in asset.username else ""), "username"
    signature_text = _signature(asset, "signature_text", faults)
    signature_html = _signature(asset, "signature_html", faults)
    return Defaults(
        sender,
        field,
        not asset.encoding,
        signature_text,
        signature_html,
        protection,
        rules,
        faults,
    )


def _signature(asset: Asset, name: str, faults: list[Fault]) -> str:
    """One of the asset's two signatures, "" where it can't be sent, which is a fault."""
    text: str = getattr(asset, name)
    if found := NOT_IN_TEXT.search(text):
        faults.append(unusable(name, f"{shown(found[0])} can't be sent in a text"))
        return ""
    if not asset.encoding and not text.isascii():
        reason = "it is not ASCII, and the asset's setting 'Enable Unicode support' is off"
        faults.append(unusable(name, reason))
    return text


def send(outgoing: Outgoing, transport: Transport, context: Context) -> Report:
    """Send one message. What stands in the way, and was foreseen, becomes the report."""
    (attempt,) = deliver(transport, context, [Attempt(outgoing)])
    return reports.report(attempt, context.asset)

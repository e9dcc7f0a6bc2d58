"""A message that is ready to be composed, and what it becomes for a server that can take this or that."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from message import mime
from message.address.mailbox import Mailbox, ascii_domain
from message.audience import REDIRECTED
from message.errors import Fault, Lack, MessageError, shown
from message.headers import Header
from smtp.content import Content
from smtp.envelope import Address, Body, Envelope, Notify

if TYPE_CHECKING:
    from message.attachments import File, Sent
    from message.signing.protection import Protection

_REDIRECTED = REDIRECTED.lower()


class Message(NamedTuple):
    """What is sent. `message_id` has its angle brackets; the `sha256` of attachments is known after sending."""

    envelope: Envelope
    content: Content
    message_id: str
    warnings: tuple[str, ...] = ()
    attachments: tuple[Sent, ...] = ()


class CalendarPart(NamedTuple):
    """An event (RFC 5545) that stands beside the text, its uid, and what is to be done with it: REQUEST, CANCEL."""

    method: str
    uid: str
    text: str


class Draft(NamedTuple):
    """A message of which everything is checked. `headers` are those that replace or join the message's own.

    `recipients` are whom it goes to, each once, as they were written; `redirected` whom it would go to, were it not
    sent elsewhere. `token` is random; it occurs in no part, so that boundaries can be made from it. If there is
    somebody whom it goes to `instead`, nobody else gets it. Bounces go to the author where `bounces_to` is None, and
    to nobody without `has_bounces`. `unique` is the part of its Message-ID before the @, the same however often it is
    composed. `part` is the body where it is made already; it is fit for every server, and stands for text, HTML and
    attachments.
    """

    author: Mailbox
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    bcc: tuple[Mailbox, ...]
    recipients: tuple[Address, ...]
    subject: str
    text: str
    html: str | None
    attachments: tuple[File, ...]
    headers: tuple[Header, ...]
    warnings: tuple[str, ...]
    unique: str
    token: str = ""
    protection: Protection | None = None
    calendar: CalendarPart | None = None
    instead: tuple[Mailbox, ...] = ()
    redirected: tuple[Address, ...] = ()
    bounces_to: Mailbox | None = None
    has_bounces: bool = True
    notify: tuple[Notify, ...] = ()
    part: mime.Part | None = None
    is_ascii: bool = False
    """Every address is, so that none has to be spelled otherwise; False where nobody has looked."""

    @property
    def sender(self) -> Address:
        """Whom it is from, as the server is told."""
        return self.author.address

    def compose(self, *, eight_bit: bool, smtputf8: bool) -> Message:
        """Return the message for a server that offers 8BITMIME and may be asked for SMTPUTF8, or not.

        Raises `MessageError` when an address can't be expressed without SMTPUTF8, and `AttachmentChanged` when a file
        can't be read that has to be signed or encrypted. Nothing was sent then.
        """
        unusual = [] if self.is_ascii else _not_ascii(self)
        faults = [fault for _, fault in unusual if fault is not None]
        if faults and not smtputf8:
            raise MessageError(faults)
        # Domains are written as A-labels unless SMTPUTF8 is in use (RFC 6531).
        in_ascii = {address: ascii_domain(address) for address, _ in unusual}
        spelled = {} if faults else in_ascii
        head, message_id = _head(self, spelled, in_ascii)
        sent = [file.record() for file in self.attachments]
        protection = self.protection
        if protection is None:
            part = _body(self, sent, eight_bit=eight_bit)
        else:
            part = _body(self, sent, eight_bit=eight_bit and not protection.is_seven_bit)
            part = protection.applied(part, self.recipients, self.token)
        is_eight_bit = part.is_eight_bit or (eight_bit and not head.isascii())
        sender = (self.bounces_to or self.author).address
        recipients = [spelled.get(address, address) for address in self.recipients]
        envelope = Envelope(
            spelled.get(sender, sender) if self.has_bounces else None,
            tuple(recipients),
            Body.EIGHT_BIT if is_eight_bit else Body.SEVEN_BIT,
            smtputf8=bool(faults),
            notify=self.notify,
        )
        content = mime.content(head, part)
        if protection is not None:
            content = protection.vouched_for(content)
        return Message(envelope, content, message_id, self.warnings, tuple(sent))


def new_unique() -> str:
    """The part of a Message-ID before the @, for a mail that has none yet."""
    return f"{time.time_ns():x}.{os.urandom(8).hex()}"


def _not_ascii(draft: Draft) -> list[tuple[Address, Fault | None]]:
    """The addresses that are not ASCII, and what is wrong with each without SMTPUTF8.

    A domain has an ASCII form, and a part before the @ has none (RFC 6531 section 3.2).
    """
    groups = [
        ("from", (draft.author,)),
        ("to", draft.to),
        ("cc", draft.cc),
        ("bcc", draft.bcc),
        ("redirect_to", draft.instead),
        ("envelope_sender", (draft.bounces_to,) if draft.bounces_to else ()),
        *[("headers", header.mailboxes) for header in draft.headers],
    ]
    found: list[tuple[Address, Fault | None]] = []
    for field, mailboxes in groups:
        for _, address in mailboxes:
            if not address.local_part.isascii():
                text = f"{shown(str(address))} is not ASCII before the @: that needs a server with SMTPUTF8"
                found.append((address, Fault(field, text, Lack.SMTPUTF8)))
            elif not address.domain.isascii():
                found.append((address, None))
    return found


def _head(
    draft: Draft, spelled: Mapping[Address, Address], in_ascii: Mapping[Address, Address]
) -> tuple[str, str]:
    """The message's own fields, and its Message-ID; `spelled` has the addresses that are written otherwise."""
    given = {header.key: header for header in draft.headers}
    lines = []
    if draft.instead:
        meant = [("", str(spelled.get(address, address))) for address in draft.redirected]
        lines.append(mime.address_list(REDIRECTED, meant))
    address = draft.author.address
    lines.append(mime.address_list("From", [(draft.author.name, str(spelled.get(address, address)))]))
    for name, mailboxes in (("To", draft.to), ("Cc", draft.cc)):
        if mailboxes and name.lower() not in given:
            pairs = [(of, str(spelled.get(address, address))) for of, address in mailboxes]
            lines.append(mime.address_list(name, pairs))
    if draft.subject:
        lines.append(mime.unstructured("Subject", draft.subject))
    if "date" not in given:
        lines.append(f"Date: {mime.date(time.time())}\r\n")
    if "message-id" in given:
        message_id = given["message-id"].text
    else:
        domain = in_ascii.get(draft.author.address, draft.author.address).domain
        message_id = f"<{draft.unique}@{domain}>"
        lines.append(f"Message-ID: {message_id}\r\n")
    lines += [
        _field(header, spelled)
        for header in draft.headers
        if not (draft.instead and header.key == _REDIRECTED)
    ]
    lines.append("MIME-Version: 1.0\r\n")
    return "".join(lines), message_id


def _field(header: Header, spelled: Mapping[Address, Address]) -> str:
    if header.mailboxes:
        pairs = [(name, str(spelled.get(address, address))) for name, address in header.mailboxes]
        return mime.address_list(header.name, pairs)
    if header.phrase:
        return mime.address_list(header.name, [(header.phrase, header.text)])
    if header.verbatim:
        return mime.as_it_is(header.name, header.text)
    return mime.unstructured(header.name, header.text)


def _body(draft: Draft, sent: Sequence[Sent], *, eight_bit: bool) -> mime.Part:
    """mixed(related(alternative(text, html), inline files), other files), as far as there are any."""
    if draft.part is not None:
        return draft.part
    part = mime.text("plain", draft.text, eight_bit=eight_bit)
    alternatives = [part]
    if draft.html is not None:
        alternatives.append(mime.text("html", draft.html, eight_bit=eight_bit))
    if draft.calendar is not None:
        event = draft.calendar
        alternatives.append(mime.text("calendar", event.text, eight_bit=eight_bit, method=event.method))
    if len(alternatives) > 1:
        part = mime.multipart("alternative", f"=a_{draft.token}", alternatives)
    inline: list[mime.Part] = []
    others: list[mime.Part] = []
    for file, record in zip(draft.attachments, sent, strict=True):
        group = inline if file.content_id and draft.html is not None else others
        group.append(mime.attachment(file, record, eight_bit=eight_bit))
    if inline:
        part = mime.multipart("related", f"=r_{draft.token}", [part, *inline], type="multipart/alternative")
    if others:
        part = mime.multipart("mixed", f"=m_{draft.token}", [part, *others])
    return part

"""A message that is ready to be composed, and what it becomes for a server that can take this or that."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from message import fields, mime
from message.address.mailbox import Mailbox, ascii_domain, unique
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

    `token` is random; it occurs in no part, so that boundaries can be made from it. If there is somebody whom it goes
    to `instead`, nobody else gets it. Bounces go to the author where `bounces_to` is None, and to nobody without
    `has_bounces`. `unique` is the part of its Message-ID before the @, the same however often it is
    composed. `part` is the body where it is made already; it is fit for every server, and stands for text, HTML and
    attachments.
    """

    author: Mailbox
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    bcc: tuple[Mailbox, ...]
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
    bounces_to: Mailbox | None = None
    has_bounces: bool = True
    notify: tuple[Notify, ...] = ()
    part: mime.Part | None = None

    @property
    def sender(self) -> Address:
        """Whom it is from, as the server is told."""
        return self.author.address

    @property
    def recipients(self) -> tuple[Address, ...]:
        """Whom it goes to, each once, as they were written."""
        return tuple(m.address for m in unique(self.instead or (*self.to, *self.cc, *self.bcc)))

    @property
    def redirected(self) -> tuple[Address, ...]:
        """Whom it would go to, were it not sent elsewhere."""
        if not self.instead:
            return ()
        return tuple(m.address for m in unique((*self.to, *self.cc, *self.bcc)))

    def compose(self, *, eight_bit: bool, smtputf8: bool) -> Message:
        """Return the message for a server that offers 8BITMIME and may be asked for SMTPUTF8, or not.

        Raises `MessageError` when an address can't be expressed without SMTPUTF8. Nothing was sent then.
        """
        faults = _need_smtputf8(self)
        if faults and not smtputf8:
            raise MessageError(faults)
        spelled = _Spelling(keeps_unicode=bool(faults))
        recipients: dict[str, Address] = {}
        for address in self.recipients:
            recipients.setdefault(spelled.in_ascii(address).key, spelled(address))
        head, message_id = _head(self, spelled)
        sent = tuple(file.record() for file in self.attachments)
        protection = self.protection
        if protection is None:
            part = _body(self, sent, eight_bit=eight_bit)
        else:
            part = _body(self, sent, eight_bit=eight_bit and not protection.is_seven_bit)
            part = protection.applied(part, self.recipients, self.token)
        is_eight_bit = part.is_eight_bit or (eight_bit and not head.isascii())
        envelope = Envelope(
            spelled((self.bounces_to or self.author).address) if self.has_bounces else None,
            tuple(recipients.values()),
            Body.EIGHT_BIT if is_eight_bit else Body.SEVEN_BIT,
            smtputf8=bool(faults),
            notify=self.notify,
        )
        content = mime.content(head, part)
        if protection is not None:
            content = protection.vouched_for(content)
        return Message(envelope, content, message_id, self.warnings, sent)


def new_unique() -> str:
    """The part of a Message-ID before the @, for a mail that has none yet."""
    return f"{time.time_ns():x}.{os.urandom(8).hex()}"


class _Spelling:
    """How an address is written in this message: its domain as A-labels unless SMTPUTF8 is in use (RFC 6531)."""

    def __init__(self, *, keeps_unicode: bool) -> None:
        self._keeps_unicode = keeps_unicode
        self._known: dict[Address, Address] = {}

    def __call__(self, address: Address) -> Address:
        return address if self._keeps_unicode else self.in_ascii(address)

    def in_ascii(self, address: Address) -> Address:
        if address.domain.isascii():
            return address
        if address not in self._known:
            self._known[address] = ascii_domain(address)
        return self._known[address]

    def pairs(self, mailboxes: Iterable[Mailbox]) -> list[tuple[str, str]]:
        return [(mailbox.name, str(self(mailbox.address))) for mailbox in mailboxes]


def _need_smtputf8(draft: Draft) -> list[Fault]:
    """What is wrong without SMTPUTF8: a part before the @ has no ASCII form (RFC 6531 section 3.2)."""
    return [
        Fault(
            field,
            f"{shown(str(mailbox.address))} is not ASCII before the @: that needs a server with SMTPUTF8",
            Lack.SMTPUTF8,
        )
        for field, mailboxes in (
            ("from", (draft.author,)),
            ("to", draft.to),
            ("cc", draft.cc),
            ("bcc", draft.bcc),
            ("redirect_to", draft.instead),
            ("envelope_sender", (draft.bounces_to,) if draft.bounces_to else ()),
            *(("headers", header.mailboxes) for header in draft.headers),
        )
        for mailbox in mailboxes
        if not mailbox.address.local_part.isascii()
    ]


def _head(draft: Draft, spelled: _Spelling) -> tuple[str, str]:
    """The message's own fields, and its Message-ID."""
    given = {header.key: header for header in draft.headers}
    lines = []
    if draft.instead:
        meant = [("", str(spelled(address))) for address in draft.redirected]
        lines.append(fields.address_list(REDIRECTED, meant))
    lines.append(fields.address_list("From", spelled.pairs([draft.author])))
    for name, mailboxes in (("To", draft.to), ("Cc", draft.cc)):
        if mailboxes and name.lower() not in given:
            lines.append(fields.address_list(name, spelled.pairs(mailboxes)))
    if draft.subject:
        lines.append(fields.unstructured("Subject", draft.subject))
    if "date" not in given:
        lines.append(f"Date: {fields.date(time.time())}\r\n")
    if "message-id" in given:
        message_id = given["message-id"].text
    else:
        domain = spelled.in_ascii(draft.sender).domain
        message_id = f"<{draft.unique}@{domain}>"
        lines.append(f"Message-ID: {message_id}\r\n")
    lines += [
        _field(header, spelled)
        for header in draft.headers
        if not (draft.instead and header.key == _REDIRECTED)
    ]
    lines.append("MIME-Version: 1.0\r\n")
    return "".join(lines), message_id


def _field(header: Header, spelled: _Spelling) -> str:
    if header.mailboxes:
        return fields.address_list(header.name, spelled.pairs(header.mailboxes))
    if header.phrase:
        return fields.address_list(header.name, [(header.phrase, header.text)])
    if header.verbatim:
        return fields.as_it_is(header.name, header.text)
    return fields.unstructured(header.name, header.text)


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

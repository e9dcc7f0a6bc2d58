"""A message that somebody else made, sent as it is but for its line ends and its Bcc fields."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from message.address.mailbox import Mailbox, ascii_domain, look_alikes, parse_list, unique
from message.audience import EVERYBODY, REDIRECTED, Audience, redirected
from message.compose import Message
from message.errors import Fault, Lack, MessageError, shown
from message.mime import address_list, encoded, has_long_line
from smtp.content import Octets, canonical
from smtp.envelope import Address, Body, Envelope
from smtp.text import LONGEST_LINE

FIELD = "raw_email"
NO_SENDER = "The sender (from) is unavailable"
NO_RECIPIENT = "The recipient (to) is unavailable"

_HIDDEN = frozenset({"bcc", "resent-bcc"})
# A field begins with a name and a colon; obsolete syntax has space between (RFC 5322 section 4.5).
_FIELD_START = re.compile(rb"([!-9;-~]+)[ \t]*:")
_LITERAL_LINE_END = re.compile(rb"(?:\\r)?\\n")
# Who writes a whole message on one line may begin each field with a space, which would continue the one before.
_SPACE_BEFORE_FIELD = re.compile(rb"\r\n[ \t]+(?=[!-9;-~]+[ \t]*:)")
# One that is never closed reaches to the end: a try at each of its quotes would cost its square.
_QUOTED = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_CHARSET = re.compile(rb";\s*charset(?:\*0?\*?)?\s*=", re.IGNORECASE)
_DECLARED = re.compile(rb"text/[^;]*;(?:[^\"]*;)?\s*charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)


class RawField(NamedTuple):
    """A header field as it was written, folding and CRLF included; `name` in lower case."""

    name: str
    octets: bytes

    @property
    def value(self) -> bytes:
        return self.octets.partition(b":")[2].replace(b"\r\n", b"").strip(b" \t")


class RawMessage(NamedTuple):
    """A message taken apart: its fields without Bcc, its body, and who it is from and to.

    If there is somebody whom it goes to `instead`, nobody else gets it. `lacks_charset` says that the body is UTF-8
    text and doesn't say so; `is_encoded_by_us` that we may choose its transfer encoding, because it names none either.
    """

    author: Mailbox
    mailboxes: tuple[Mailbox, ...]
    fields: tuple[RawField, ...]
    body: bytes
    message_id: str
    lacks_charset: bool
    is_encoded_by_us: bool
    warnings: tuple[str, ...]
    instead: tuple[Mailbox, ...] = ()

    @property
    def sender(self) -> Address:
        """Whom it is from, as the server is told."""
        return self.author.address

    @property
    def recipients(self) -> tuple[Address, ...]:
        """Whom it goes to, each once, as they were written."""
        return tuple(mailbox.address for mailbox in self.instead or self.mailboxes)

    @property
    def redirected(self) -> tuple[Address, ...]:
        """Whom it would go to, were it not sent elsewhere."""
        return tuple(mailbox.address for mailbox in self.mailboxes) if self.instead else ()

    def compose(self, *, eight_bit: bool, smtputf8: bool) -> Message:
        """Return the message for a server that offers 8BITMIME and may be asked for SMTPUTF8, or not.

        Raises `MessageError` when such a server can't take it as it is. Nothing was sent then.
        """
        needs = _needs_smtputf8(self)
        faults = [] if smtputf8 else needs
        fields, body = list(self.fields), self.body
        is_eight_bit = not body.isascii()
        if self.is_encoded_by_us and not (eight_bit and not has_long_line(body)):
            encoding, body = encoded(body)
            is_eight_bit = False
        else:
            encoding = "8bit"
            if is_eight_bit and not eight_bit:
                faults.append(
                    Fault(FIELD, "the body is not ASCII and goes as it is: that needs a server with 8BITMIME")
                )
        if faults:
            raise MessageError(faults)
        if self.instead:
            meant = [("", str(address if needs else ascii_domain(address))) for address in self.redirected]
            fields = [field for field in fields if field.name != REDIRECTED.lower()]
            fields.insert(0, RawField(REDIRECTED.lower(), address_list(REDIRECTED, meant).encode()))
        if self.lacks_charset:
            _declare(fields, encoding if self.is_encoded_by_us else "")
        data = b"".join([*(field.octets for field in fields), b"\r\n", body])
        envelope = Envelope(
            self.sender if needs else ascii_domain(self.sender),
            tuple(address if needs else ascii_domain(address) for address in self.recipients),
            Body.EIGHT_BIT if is_eight_bit or (eight_bit and needs) else Body.SEVEN_BIT,
            smtputf8=bool(needs),
        )
        return Message(envelope, Octets(data), self.message_id, self.warnings)


def parse_raw(
    text: str | bytes,
    audience: Audience = EVERYBODY,
    faults: Sequence[Fault] = (),
    warnings: Sequence[str] = (),
) -> RawMessage:
    """Take a message apart. Raises `MessageError` with everything for which it can't be sent.

    `faults` and `warnings` are those that the caller knows of already.
    """
    data = _octets(text)
    fields, body_at, has_blank_line = _split(data)
    body = data[body_at:]
    faults = [*faults, *_unfit_octets(data)]
    warned = [*warnings]
    if not has_blank_line and body:
        line = body.partition(b"\r\n")[0].decode(errors="replace")
        warned.append(f"no blank line ends the header: the body is taken to begin with {shown(line)}")
    faults += [
        Fault(FIELD, f"the header {shown(field.name)} is neither ASCII nor UTF-8")
        for field in fields
        if not _is_utf8(field.octets)
    ]
    fields = [field for field in fields if _is_utf8(field.octets)]
    resent = _newest_resent(fields)
    sender = _sender(resent or fields, faults, warned)
    mailboxes = unique(_mailboxes(resent or fields, ("to", "cc", "bcc"), faults, warned))
    if not mailboxes and not any(fault.field for fault in faults):
        faults.append(Fault("", NO_RECIPIENT))
    if mailboxes:
        faults += audience.faults({FIELD: mailboxes})
    lacks_charset = not body.isascii() and _lacks_charset(fields)
    is_ours = lacks_charset and _first(fields, "content-transfer-encoding") is None
    if lacks_charset and not _is_utf8(body):
        faults.append(
            Fault(FIELD, "the body is neither ASCII nor UTF-8, and its Content-Type has no charset")
        )
    faults += _long_lines(data, body_at if is_ours else len(data))
    if faults or sender is None:
        raise MessageError(faults)
    warned += [*_misdeclared(fields, body), *look_alikes((sender, *mailboxes))]
    if audience.instead:
        warned.append(redirected(audience.instead))
    kept = tuple(field for field in fields if field.name not in _HIDDEN)
    return RawMessage(
        sender,
        mailboxes,
        kept,
        body,
        _message_id(fields),
        lacks_charset,
        is_ours,
        tuple(warned),
        audience.instead,
    )


def _needs_smtputf8(raw: RawMessage) -> list[Fault]:
    """What is wrong without SMTPUTF8 (RFC 6531 section 3.2)."""
    names = [
        field.octets.partition(b":")[0].decode().strip() for field in raw.fields if not field.octets.isascii()
    ]
    recipients = (*raw.recipients, *raw.redirected)
    addresses = [shown(str(address)) for address in recipients if not address.local_part.isascii()]
    needs = [
        *(f"the header {name}" for name in names),
        *(f"the recipient {address}" for address in addresses),
    ]
    return [
        Fault(FIELD, f"{what} is not ASCII: that needs a server with SMTPUTF8", Lack.SMTPUTF8)
        for what in needs
    ]


def _declare(fields: list[RawField], encoding: str) -> None:
    """Say what the body is: UTF-8, and its transfer encoding where that is ours to choose."""
    declared = next((at for at, field in enumerate(fields) if field.name == "content-type"), None)
    if declared is None:
        fields.append(_field("Content-Type", "text/plain; charset=utf-8"))
    else:
        octets = fields[declared].octets.rstrip(b"; \t\r\n")
        media_type = b" text/plain" if octets.endswith(b":") else b""
        fields[declared] = RawField("content-type", octets + media_type + b";\r\n charset=utf-8\r\n")
    if encoding:
        fields.append(_field("Content-Transfer-Encoding", encoding))
    if not any(field.name == "mime-version" for field in fields):
        fields.append(_field("MIME-Version", "1.0"))


def _field(name: str, value: str) -> RawField:
    return RawField(name.lower(), f"{name}: {value}\r\n".encode())


def _octets(text: str | bytes) -> bytes:
    """The message with CRLF line ends, beginning with its header."""
    try:
        # Octets that are no UTF-8 come as Python's own stand-ins for them (PEP 383).
        data = text.encode(errors="surrogateescape") if isinstance(text, str) else text
    except UnicodeEncodeError as exc:
        raise MessageError([Fault(FIELD, f"{shown(exc.object[exc.start])} is half a character")]) from exc
    literal = _LITERAL_LINE_END.search(data)
    if literal and not re.search(rb"[\r\n]", data[: literal.start()]):
        header, blank, body = _LITERAL_LINE_END.sub(b"\r\n", data).partition(b"\r\n\r\n")
        data = _SPACE_BEFORE_FIELD.sub(b"\r\n", header) + blank + body
    data = canonical(data.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n"))
    if data.startswith(b"From ") and not _FIELD_START.match(data):
        data = data.partition(b"\r\n")[2]  # how a mailbox file separates its messages; no part of this one
    return data


def _split(data: bytes) -> tuple[list[RawField], int, bool]:
    """The header fields, where the body begins, and whether a blank line says so."""
    fields: list[RawField] = []
    at = start = 0
    while at < len(data):
        if data.startswith(b"\r\n", at):
            return _with(fields, data[start:at]), at + 2, True
        if not (at and data[at] in b" \t"):
            fields = _with(fields, data[start:at])
            start = at
            if not _FIELD_START.match(data, at):
                return fields, at, False
        at = data.index(b"\r\n", at) + 2
    return _with(fields, data[start:]), at, False


def _with(fields: list[RawField], octets: bytes) -> list[RawField]:
    if name := _FIELD_START.match(octets):
        fields.append(RawField(name[1].decode().lower(), octets))
    return fields


def _newest_resent(fields: Sequence[RawField]) -> list[RawField]:
    """The newest block of Resent fields by the names without the prefix, if it says whom the mail was resent to.

    A block is prepended as a whole (RFC 5322 section 3.6.6): it ends at any other field, or where a name comes again.
    """
    block: dict[str, RawField] = {}
    for field in fields:
        name = field.name.removeprefix("resent-")
        if name == field.name or name in block:
            if block:
                break
            continue
        block[name] = RawField(name, field.octets)
    return list(block.values()) if block.keys() & {"to", "cc", "bcc"} else []


def _sender(fields: Sequence[RawField], faults: list[Fault], warnings: list[str]) -> Mailbox | None:
    """The author; of several authors the one who sent it (RFC 5322 section 3.6.2)."""
    before = len(faults)
    authors = _mailboxes(fields, ("from",), faults, warnings)
    if len(authors) > 1:
        authors = _mailboxes(fields, ("sender",), faults, warnings) or authors
    if not authors and len(faults) == before:
        faults.append(Fault("", NO_SENDER))
    return authors[0] if authors else None


def _mailboxes(
    fields: Sequence[RawField], names: Sequence[str], faults: list[Fault], warnings: list[str]
) -> tuple[Mailbox, ...]:
    found: list[Mailbox] = []
    for name in names:
        for field in fields:
            if field.name == name:
                try:
                    found += parse_list([field.value.decode()], name.title(), warnings)
                except MessageError as exc:
                    faults += [Fault(FIELD, str(fault)) for fault in exc.faults]
    return tuple(found)


def _first(fields: Sequence[RawField], name: str) -> bytes | None:
    return next((field.value for field in fields if field.name == name), None)


def _lacks_charset(fields: Sequence[RawField]) -> bool:
    """Whether the body is text without a charset. Other media are octets, or declare it inside."""
    value = _QUOTED.sub(b'""', _first(fields, "content-type") or b"")
    media_type = value.partition(b";")[0].strip().lower()
    return (not media_type or media_type.startswith(b"text/")) and not _CHARSET.search(value)


def _misdeclared(fields: Sequence[RawField], body: bytes) -> tuple[str, ...]:
    """A warning where the declared charset is another than that of the octets: readers will see other letters."""
    declared = _DECLARED.match(_first(fields, "content-type") or b"")
    charset = declared[1].decode(errors="replace") if declared else ""
    if body.isascii() or charset.lower() in ("", "utf-8", "utf8") or not _is_utf8(body):
        return ()
    return (f"the body is UTF-8, and its Content-Type says {shown(charset)}",)


def _message_id(fields: Sequence[RawField]) -> str:
    value = (_first(fields, "message-id") or b"").decode()
    return value if value.isascii() and value.isprintable() else ""


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


def _unfit_octets(data: bytes) -> list[Fault]:
    at = data.find(b"\0")
    if at < 0:
        return []
    line = data.count(b"\r\n", 0, at) + 1
    return [Fault(FIELD, f"line {line} has a NUL, which mail can't carry")]


def _long_lines(data: bytes, end: int) -> list[Fault]:
    return [
        Fault(
            FIELD,
            f"line {number} has {len(line)} octets; mail allows {LONGEST_LINE}, and nothing is re-encoded",
        )
        for number, line in enumerate(data[:end].split(b"\r\n"), 1)
        if len(line) > LONGEST_LINE
    ][:10]

"""What people and playbooks hand in: addresses, headers, bodies, HTML, whole messages."""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage
from types import MappingProxyType

from message.address.mailbox import parse_list
from message.compose import Message
from message.draft import Addressing, Defaults, html_draft, plain_draft
from message.errors import MessageError
from message.html.sanitise import content_ids, to_text
from message.raw import parse_raw
from smtp import commands
from smtp.content import DotStuffer, LineGuard, canonical
from smtp.envelope import Body
from tests.fuzz.rules import must
from tests.message.test_html import Judge, body
from tests.support.scripted.transaction import RCPT

SEPARATOR = b"\xff"
"""Between the parameters; an octet that UTF-8 has no use for."""
DEFAULTS = Defaults(sender="soar@example.test")
_LONGEST_LINE = 998


def text_of(octets: bytes) -> str:
    """As text; octets that are no UTF-8 become halves of surrogate pairs, as JSON can hold them too."""
    return octets.decode("utf-8", "surrogateescape")


def addresses(octets: bytes) -> None:
    """What is taken for an address is one command line, and the same address when it is read again."""
    try:
        mailboxes = parse_list(text_of(octets), "to")
    except MessageError as error:
        _check_error(error)
        return
    for mailbox in mailboxes:
        line = commands.rcpt(mailbox.address).line
        must(line.endswith(b"\r\n") and line.count(b"\n") == line.count(b"\r") == 1, "not one line")
        path = RCPT.fullmatch(line[:-2].decode())
        must(path and path[1] == str(mailbox.address), "another path than was asked for")
        must(path and path[2] is None, "a parameter from inside an address")
        (again,) = parse_list(str(mailbox.address), "to")
        must(again.address == mailbox.address, "read again it is another address")
        must(mailbox.name == "" or mailbox.name.isprintable() or not mailbox.name.isascii(), "an odd name")


def headers(octets: bytes) -> None:
    """The header has the fields that were asked for and our own, each once, however it is read."""
    asked = Addressing(to="jane@example.test", subject="fuzz", headers=text_of(octets))
    try:
        message = plain_draft(asked, "x", (), DEFAULTS).compose(eight_bit=True, smtputf8=True)
    except MessageError as error:
        _check_error(error)
        return
    _check_message(message, eight_bit=True)


def mails(octets: bytes) -> None:
    """A composed mail is sound for the server that it is composed for, and says what it was given."""
    how, rest = (octets[:1] or b"\0")[0], octets[1:]
    to, cc, subject, text, *_ = [*map(text_of, rest.split(SEPARATOR)), "", "", "", ""]
    asked = Addressing(to=to or "jane@example.test", cc=cc, bcc="unseen@example.test", subject=subject)
    eight_bit, smtputf8 = bool(how & 1), how & 3 == 3
    try:
        if how & 4:
            draft = html_draft(asked, text, None, (), DEFAULTS, should_sanitize=bool(how & 8))
        else:
            draft = plain_draft(asked, text, (), DEFAULTS)
        message = draft.compose(eight_bit=eight_bit, smtputf8=smtputf8)
    except MessageError as error:
        _check_error(error)
        return
    parsed = _check_message(message, eight_bit=eight_bit)
    must(b"unseen@example.test" not in _octets(message).partition(b"\r\n\r\n")[0], "Bcc is shown")
    part = next(part for part in parsed.walk() if part.get_content_type() == "text/plain")
    given = canonical(draft.text.encode())
    must(canonical(bytes(part.get_payload(decode=True))) == given, "another text than was given")


def raw_mails(octets: bytes) -> None:
    """A raw message goes as it is: only Bcc fields are gone, and nothing has become another line."""
    how, given = (octets[:1] or b"\0")[0], octets[1:]
    eight_bit, smtputf8 = bool(how & 1), how & 3 == 3
    try:
        raw = parse_raw(given if how & 4 else text_of(given))
        message = raw.compose(eight_bit=eight_bit, smtputf8=smtputf8)
    except MessageError as error:
        _check_error(error)
        return
    sent = _octets(message)
    _check_octets(message, sent, eight_bit=eight_bit)
    head = sent.partition(b"\r\n\r\n")[0]
    names = [
        line.partition(b":")[0].strip().lower() for line in head.split(b"\r\n") if line[:1] not in b" \t"
    ]
    must(b"bcc" not in names, "Bcc is shown")
    if not raw.lacks_charset:
        must(raw.body in canonical(given.removeprefix(b"\xef\xbb\xbf")) or b"\\n" in given, "another body")


def html(octets: bytes) -> None:
    """Sanitised HTML acts nowhere, and stays as it is when it is sanitised again."""
    given = text_of(octets).encode("utf-8", "replace").decode()
    cleaned = body(given)
    judge = Judge()
    judge.feed(cleaned)
    judge.close()
    must(not judge.found, f"it still has {judge.found}")
    must(_flat(body(cleaned)) == _flat(cleaned), "sanitised again it is something else")
    content_ids(given)
    must("\r" not in to_text(given), "another line end than was promised")


def _flat(markup: str) -> str:
    """Without what each parser changes once more: CR is made LF, and a line break behind <pre> is dropped."""
    return re.sub(r"(<pre[^>]*>)\n+", r"\1", re.sub(r"\r\n?", "\n", markup))


def _octets(message: Message) -> bytes:
    return b"".join(message.content.chunks())


def _check_message(message: Message, *, eight_bit: bool) -> EmailMessage:
    octets = _octets(message)
    _check_octets(message, octets, eight_bit=eight_bit)
    parsed = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    names = [name.lower() for name in parsed.keys()]  # noqa: SIM118 - not a mapping: names may repeat
    for once in ("from", "to", "cc", "subject", "date", "message-id", "mime-version", "content-type"):
        must(names.count(once) <= 1, f"{once} occurs {names.count(once)} times")
    must({"from", "date", "message-id", "mime-version"} <= set(names), "a field is missing")
    must("bcc" not in names, "Bcc is shown")
    head = octets.partition(b"\r\n\r\n")[0]
    fields = [line for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")]
    must(len(fields) == len(names), "a field that another reader takes for two, or for none")
    return parsed


def _check_octets(message: Message, octets: bytes, *, eight_bit: bool) -> None:
    """What RFC 5321, RFC 6152 and RFC 1870 demand, and that the dots come back out as they went in."""
    must(len(octets) == message.content.size, "another size than was told")
    guard, stuffer = LineGuard(), DotStuffer()
    guard.check(octets)
    guard.finish()
    must(max(map(len, octets.split(b"\r\n"))) <= _LONGEST_LINE, "a line that is too long")
    must(octets.isascii() or eight_bit, "8-bit octets for a server that takes none")
    must(octets.isascii() or message.envelope.body is Body.EIGHT_BIT, "8-bit octets without BODY=8BITMIME")
    stuffed = b"".join(stuffer.stuff(octets[start : start + 5]) for start in range(0, len(octets), 5))
    must(re.sub(rb"(?m)^\.", b"", stuffed) == octets, "other dots than before")


def _check_error(error: MessageError) -> None:
    must(error.faults, "an error that says nothing")
    must(str(error).isprintable() or "�" not in str(error), "an error that can't be shown")


TARGETS = MappingProxyType(
    {
        "addresses": addresses,
        "headers": headers,
        "mails": mails,
        "raw-mails": raw_mails,
        "html": html,
    }
)

"""Drafts of plain text, HTML or Markdown: the order in which a body becomes what is sent.

Templates are filled first, then Markdown becomes HTML, the signature is added, images inside of the HTML become parts
of the mail, and the sanitiser has the last word.

What is asked of a message is checked as a whole: everything that is wrong is said at once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from message import html as markup
from message.address.mailbox import Mailbox, key, look_alikes, parse_list, unique
from message.audience import EVERYBODY, redirected
from message.compose import Draft, new_unique
from message.conversation import Answered, answered, importance_headers, notifications, thread_headers
from message.errors import Fault, Lack, MessageError, shown
from message.headers import Header, parse_headers
from message.mime import problem_of_value
from message.parameters import Addressing, Defaults
from message.signature import signed_html, signed_text

if TYPE_CHECKING:
    from message.attachments import Attachment, File

__all__ = ["BODY_FORMATS", "NOT_IN_TEXT", "Addressing", "Defaults", "Draft", "html_draft", "plain_draft"]

T = TypeVar("T")
NO_DEFAULTS = Defaults()
BODY_FORMATS = ("automatic", "text", "html", "markdown")
NOT_IN_TEXT = re.compile(r"[\x00\ud800-\udfff]")


def plain_draft(
    addressing: Addressing,
    body: str | None,
    attachments: Sequence[Attachment] = (),
    defaults: Defaults = NO_DEFAULTS,
    faults: Sequence[Fault] = (),
    *,
    body_format: str = "automatic",
) -> Draft:
    """A mail of plain text, or of HTML with a rendering of it.

    `automatic` takes for HTML what says so at its start; `markdown` goes as it is and as HTML made from it. Raises
    `MessageError` with everything that is wrong, `faults` being what the caller knows of already.
    """
    checks = _Checks(addressing, defaults, faults)
    given = body or ""
    chosen = body_format or "automatic"
    if chosen == "automatic":
        chosen = "html" if "<" in given and markup.is_html(given) else "text"
    if chosen not in BODY_FORMATS:
        checks.fault("body_format", f"{shown(body_format)} is none of {', '.join(BODY_FORMATS)}")
    text, html = checks.body("body", given, is_html=chosen == "html"), None
    if chosen == "html":
        html = checks.with_images("body", signed_html(text, defaults))
        text = markup.to_text(html)
    elif chosen == "markdown":
        unsigned = checks.markdown(text)
        html = checks.sanitized("body", checks.with_images("body", signed_html(unsigned, defaults)), unsigned)
        text = signed_text(text, defaults)
    elif defaults.signature_text or defaults.signature_html:
        text = signed_text(text, defaults)
    return checks.finished(text, html, attachments)


def html_draft(
    addressing: Addressing,
    html_body: str | None,
    text_body: str | None = None,
    attachments: Sequence[Attachment] = (),
    defaults: Defaults = NO_DEFAULTS,
    faults: Sequence[Fault] = (),
    *,
    should_sanitize: bool = True,
) -> Draft:
    """A mail of HTML, with a text that is given or made from it, and what the HTML shows inline.

    Raises `MessageError` with everything that is wrong, `faults` being what the caller knows of already.
    """
    checks = _Checks(addressing, defaults, faults)
    unsigned = checks.body("html_body", html_body, is_html=True)
    text = checks.body("text_body", text_body, is_html=False)
    html = checks.with_images("html_body", signed_html(unsigned, defaults))
    if should_sanitize:
        html = checks.sanitized("html_body", html, unsigned)
    text = signed_text(text, defaults) if text.strip() else markup.to_text(html)
    return checks.finished(text, html, attachments)


class _Checks:
    """Collects what is wrong instead of stopping at the first."""

    def __init__(self, addressing: Addressing, defaults: Defaults, faults: Sequence[Fault]) -> None:
        self._addressing = addressing
        self._defaults = defaults
        self._faults = [*defaults.faults, *faults]
        self._warnings: list[str] = []
        self._images: list[Attachment] = []
        self._values: Mapping[str, object] | None = None
        if addressing.template_values not in (None, ""):
            from message.templates import parse_values  # few mails are templates

            self._values = self._try(parse_values, addressing.template_values)

    def body(self, field: str, value: str | None, *, is_html: bool) -> str:
        """A body that can be sent: filled in, if it is a template."""
        if not value:
            return ""
        text = value if self._values is None else self._filled(field, value, escapes=is_html)
        if found := NOT_IN_TEXT.search(text):
            self.fault(field, f"{shown(found[0])} can't be sent in a text")
            return ""
        if self._defaults.ascii_only and not text.isascii():
            self.fault(field, "it is not ASCII", Lack.UNICODE)
        return text

    def markdown(self, text: str) -> str:
        """Markdown as HTML."""
        from message.html.markdown import to_html  # few mails are written in it

        try:
            return to_html(text)
        except ValueError as exc:
            self.fault("body", str(exc))
            return ""

    def with_images(self, field: str, html: str) -> str:
        """HTML whose images inside of it (`data:` URLs) have become parts of the mail."""
        if "data:" not in html.lower():
            return html
        from message.attachments import Attachment

        images = markup.Images()
        html = images.taken_out(html)
        self._warnings += images.warnings
        self._images += [
            Attachment.of_octets(image.name, image.data, image.content_id, field)
            for image in images.found.values()
        ]
        return html

    def sanitized(self, field: str, html: str, unsigned: str) -> str:
        """`html` without what acts. A mail is refused of which that leaves nothing but the signature."""
        sanitised = markup.sanitize(html)
        is_blank = sanitised.is_blank
        if sanitised.lost and html != unsigned and "data:" not in unsigned.lower():
            is_blank = markup.sanitize(unsigned).is_blank
        if sanitised.lost and is_blank:
            self.fault(field, f"nothing of it is left: sanitising takes out {sanitised.lost}")
        elif sanitised.lost:
            self._warnings.append(f"sanitising took out of the HTML: {sanitised.lost}")
        return sanitised.html

    def finished(self, text: str, html: str | None, attachments: Sequence[Attachment]) -> Draft:
        """The draft. Raises `MessageError` with everything that was found wrong."""
        addressing, audience = self._addressing, self._defaults.audience
        protection = self._defaults.protection
        headers, taken = self._given_headers() if addressing.headers not in (None, "") else ([], {})
        sender, to, cc, bcc = self._people(taken.get("from"), taken.get("bcc"))
        meant = (*to, *cc, *bcc)
        subject, headers = self._head(taken.get("subject"), headers)
        bounces = addressing.envelope_sender.strip()
        bounces_to = self._one(bounces, "envelope_sender") if bounces not in ("", "<>") else None
        notify = (self._try(notifications, addressing.dsn) or ()) if addressing.dsn else ()
        attachments = [*attachments, *self._images]
        token = os.urandom(16).hex() if html is not None or attachments or protection else ""
        files = self._files(html, attachments, token) if html is not None or attachments else ()
        if audience != EVERYBODY or protection is not None:
            self._check_audience({"to": to, "cc": cc, "bcc": bcc}, audience.instead or meant)
        if self._faults or sender is None:
            raise MessageError(self._faults)
        everybody = [sender, *meant, *audience.instead, *([bounces_to] if bounces_to else [])]
        everybody += [mailbox for header in headers for mailbox in header.mailboxes]
        is_ascii = "".join([part for mailbox in everybody for part in mailbox.address]).isascii()
        if headers or protection is not None or audience.instead or not is_ascii:
            self._warn(sender, meant, bcc, headers)
        addresses = tuple([mailbox.address for mailbox in unique(meant)])
        instead = tuple([mailbox.address for mailbox in unique(audience.instead)])
        return Draft(
            sender,
            to,
            cc,
            bcc,
            instead or addresses,
            subject,
            text,
            html,
            files,
            tuple(headers),
            tuple(self._warnings),
            new_unique(),
            token,
            protection,
            instead=audience.instead,
            redirected=addresses if instead else (),
            bounces_to=bounces_to,
            has_bounces=bounces != "<>",
            notify=notify,
            is_ascii=is_ascii,
        )

    def fault(self, field: str, text: str, lack: Lack | None = None) -> None:
        self._faults.append(Fault(field, text, lack))

    def _people(
        self, author: Header | None, hidden: Header | None
    ) -> tuple[Mailbox | None, tuple[Mailbox, ...], tuple[Mailbox, ...], tuple[Mailbox, ...]]:
        """Who the mail is from, to, cc and bcc; the last one with who is in a Bcc among the headers.

        It is from the `from` parameter, else from From in the headers, else from the default.
        """
        addressing, defaults, faults = self._addressing, self._defaults, len(self._faults)
        to, cc, bcc = [
            unique(self._mailboxes(value, field)) if value else ()
            for field, value in (("to", addressing.to), ("cc", addressing.cc), ("bcc", addressing.bcc))
        ]
        if hidden:
            bcc = unique(bcc + hidden.mailboxes)
        if not (to or cc or bcc) and len(self._faults) == faults:
            self.fault("to", "there is no recipient")
        if addressing.sender and addressing.sender.strip():
            return self._one(addressing.sender, "from"), to, cc, bcc
        if author and author.mailboxes:
            return author.mailboxes[0], to, cc, bcc
        if defaults.sender.strip():
            return self._one(defaults.sender, defaults.sender_field), to, cc, bcc
        self.fault("from", "there is no sender", Lack.SENDER)
        return None, to, cc, bcc

    def _one(self, value: str, field: str) -> Mailbox | None:
        faults = len(self._faults)
        mailboxes = self._mailboxes(value, field)
        if len(mailboxes) == 1:
            return mailboxes[0]
        if len(self._faults) == faults:
            self.fault(field, f"{shown(value)} is not one address")
        return None

    def _mailboxes(self, value: str | Sequence[str], field: str) -> tuple[Mailbox, ...]:
        """Those of an address list; none where something is wrong with it."""
        try:
            return parse_list(value, field, self._warnings)
        except MessageError as exc:
            self._faults += exc.faults
            return ()

    def _given_headers(self) -> tuple[list[Header], dict[str, Header]]:
        """The `headers` parameter: those that go as they are, and by their names those that stand for parameters."""
        headers = self._try(parse_headers, self._addressing.headers) or ()
        taken = {header.key: header for header in headers if header.key in ("bcc", "from", "subject")}
        return [header for header in headers if header.key not in taken], taken

    def _try(self, function: Callable[..., T], *arguments: object) -> T | None:
        try:
            return function(*arguments)
        except MessageError as exc:
            self._faults += exc.faults
            return None

    def _check_audience(self, named: Mapping[str, Sequence[Mailbox]], recipients: Sequence[Mailbox]) -> None:
        """Whether everybody who is named may be written to, and the mail be encrypted to those who get it."""
        self._faults += self._defaults.audience.faults(named)
        protection = self._defaults.protection
        if protection is not None:
            for address in protection.without_certificate([mailbox.address for mailbox in recipients]):
                text = f"there is no certificate to encrypt to for {shown(str(address))}"
                self.fault("", text, Lack.CERTIFICATE)

    def _head(self, given: Header | None, headers: list[Header]) -> tuple[str, list[Header]]:
        """The subject, which may be among the headers that were given, and those with what parameters ask for."""
        addressing, answers = self._addressing, self._addressing.in_reply_to
        # An empty file is one that can't be answered.
        parent = None if answers is None or answers == "" else self._try(answered, answers)
        subject = given.text if given else addressing.subject or ""
        if self._values is not None and not given:
            subject = self._filled("subject", subject, escapes=False)
        # What was copied or read from a file often ends with its line.
        subject = subject.strip(" \t\r\n") or (parent.reply_subject if parent else "")
        if not subject.isprintable() and (problem := problem_of_value(subject)):
            self.fault("subject", problem)
        if self._defaults.ascii_only and not subject.isascii():
            self.fault("headers: Subject" if given else "subject", "it is not ASCII", Lack.UNICODE)
        if parent or addressing.thread or addressing.importance or addressing.reply_to:
            headers = headers + self._made_headers(addressing, parent, {header.key for header in headers})
        return subject.strip(), headers

    def _made_headers(
        self, addressing: Addressing, parent: Answered | None, given: Collection[str]
    ) -> list[Header]:
        """The fields that parameters ask for; one that is among the headers that were given replaces its like."""
        made: list[Header] = []
        if parent or addressing.thread:
            made += thread_headers(parent, addressing.thread)
        if addressing.importance:
            made += self._try(importance_headers, addressing.importance) or ()
        if addressing.reply_to:
            mailboxes = self._mailboxes(addressing.reply_to, "reply_to")
            made += [Header("Reply-To", mailboxes=mailboxes)] if mailboxes else []
        return [header for header in made if header.key not in given]

    def _filled(self, field: str, text: str, *, escapes: bool) -> str:
        if self._values is None or "{" not in text:
            return text
        from message.templates import filled

        try:
            return filled(text, self._values, field, escapes=escapes)
        except MessageError as exc:
            self._faults += exc.faults
            return ""

    def _files(self, html: str | None, attachments: Sequence[Attachment], token: str) -> tuple[File, ...]:
        """The files as they go, and what they have to do with what the HTML shows."""
        from message import files  # most mails have none

        named = [
            one._replace(name=self._filled(one.field, one.name, escapes=False)) if one.is_template else one
            for one in attachments
        ]
        found, faults, warnings = files.looked_at(named, token)
        self._faults += faults
        self._warnings += warnings
        if html is not None:
            self._warnings += files.unmatched(html, found)
        return found

    def _warn(
        self,
        sender: Mailbox,
        meant: Sequence[Mailbox],
        hidden: Sequence[Mailbox],
        headers: Sequence[Header],
    ) -> None:
        """Tell of what is allowed, and may surprise."""
        instead, protection = self._defaults.audience.instead, self._defaults.protection
        if instead:
            self._warnings.append(redirected(instead))
        if protection is not None:
            told = (protection.misaligned(sender.address), protection.reveals(() if instead else hidden))
            self._warnings += filter(None, told)
        self._warnings += look_alikes((sender, *meant))
        self._warnings += _shown_only(headers, meant)


def _shown_only(headers: Sequence[Header], recipients: Sequence[Mailbox]) -> list[str]:
    """A warning for each To or Cc among the headers with somebody whom the mail isn't sent to."""
    warnings: list[str] = []
    for header in headers:
        if header.key in ("to", "cc"):
            known = {key(mailbox.address) for mailbox in recipients}
            others = [str(m.address) for m in header.mailboxes if key(m.address) not in known]
            if others:
                warnings.append(
                    f"{header.name} in headers shows whom the mail is not sent to: {shown(', '.join(others))[1:-1]}"
                )
    return warnings

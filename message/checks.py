"""What is asked of a message, checked as a whole: everything that is wrong is said at once."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from message import html as markup
from message.address.mailbox import Mailbox, key, look_alikes, parse_list, unique
from message.audience import redirected
from message.compose import Draft, new_unique
from message.conversation import Answered, answered, importance_headers, thread_headers
from message.errors import Fault, Lack, MessageError, shown
from message.fields import problem_of_value
from message.headers import Header, parse_headers
from message.parameters import Addressing, Defaults
from smtp.envelope import Notify

if TYPE_CHECKING:
    from message.attachments import Attachment, File

T = TypeVar("T")
NOT_IN_TEXT = re.compile(r"[\x00\ud800-\udfff]")
_CONTENT_ID = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,250}"


class Checks:
    """Collects what is wrong instead of stopping at the first."""

    def __init__(self, addressing: Addressing, defaults: Defaults, faults: Sequence[Fault]) -> None:
        self._addressing = addressing
        self._defaults = defaults
        self._faults = [*defaults.faults, *faults]
        self._warnings: list[str] = []
        self._images: list[Attachment] = []
        self._values = self._template_values(addressing.template_values)

    def body(self, field: str, value: str | None, *, is_html: bool) -> str:
        """A body that can be sent: filled in, if it is a template."""
        if not value:
            return ""
        text = self._filled(field, value, escapes=is_html)
        if found := NOT_IN_TEXT.search(text):
            self.fault(field, f"{shown(found[0])} can't be sent in a text")
            return ""
        self._check_encoding(field, text)
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
        addressing = self._addressing
        attachments = [*attachments, *self._images]
        headers = list(self._try(parse_headers, addressing.headers) or ())
        to, cc, bcc = self._recipients(addressing, _taken(headers, "bcc"))
        sender = self._sender(addressing.sender, _taken(headers, "from"))
        given = addressing.in_reply_to  # an empty file is one that can't be answered
        parent = None if given is None or given == "" else self._try(answered, given)
        subject = self._subject(addressing.subject, _taken(headers, "subject"), parent)
        headers += self._made_headers(addressing, parent, {header.key for header in headers})
        wanted = addressing.envelope_sender.strip()
        bounces_to = self._one(wanted, "envelope_sender") if wanted not in ("", "<>") else None
        notify = self._notify(addressing.dsn)
        protection = self._defaults.protection
        token = os.urandom(16).hex() if html is not None or attachments or protection else ""
        files = self._files(attachments, token) if attachments else ()
        if html is not None:
            self._check_references(html, files)
        audience = self._defaults.audience
        self._faults += audience.faults({"to": to, "cc": cc, "bcc": bcc})
        if protection is not None:
            recipients = [mailbox.address for mailbox in audience.instead or (*to, *cc, *bcc)]
            self._faults += [
                Fault(
                    "", f"there is no certificate to encrypt to for {shown(str(address))}", Lack.CERTIFICATE
                )
                for address in protection.without_certificate(recipients)
            ]
        if self._faults or sender is None:
            raise MessageError(self._faults)
        if audience.instead:
            self._warnings.append(redirected(audience.instead))
        if protection is not None and (warning := protection.misaligned(sender.address)):
            self._warnings.append(warning)
        self._warnings += [*look_alikes((sender, *to, *cc, *bcc)), *_shown_only(headers, (*to, *cc, *bcc))]
        return Draft(
            sender,
            to,
            cc,
            bcc,
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
            bounces_to=bounces_to,
            has_bounces=wanted != "<>",
            notify=notify,
        )

    def _try(self, function: Callable[..., T], *arguments: object) -> T | None:
        try:
            return function(*arguments)
        except MessageError as exc:
            self._faults += exc.faults
            return None

    def fault(self, field: str, text: str) -> None:
        self._faults.append(Fault(field, text))

    def _recipients(self, addressing: Addressing, hidden: Header | None) -> tuple[tuple[Mailbox, ...], ...]:
        faults = len(self._faults)
        to, cc, bcc = (
            unique(self._try(parse_list, value, field, self._warnings) or ()) if value else ()
            for field, value in (("to", addressing.to), ("cc", addressing.cc), ("bcc", addressing.bcc))
        )
        if hidden:
            bcc = unique(bcc + hidden.mailboxes)
        if not (to or cc or bcc) and len(self._faults) == faults:
            self.fault("to", "there is no recipient")
        return to, cc, bcc

    def _sender(self, parameter: str | None, header: Header | None) -> Mailbox | None:
        """The `from` parameter, else From in headers, else the default."""
        if parameter and parameter.strip():
            return self._one(parameter, "from")
        if header and header.mailboxes:
            return header.mailboxes[0]
        if self._defaults.sender.strip():
            return self._one(self._defaults.sender, self._defaults.sender_field)
        self._faults.append(Fault("from", "there is no sender", Lack.SENDER))
        return None

    def _one(self, value: str, field: str) -> Mailbox | None:
        mailboxes = self._try(parse_list, value, field, self._warnings)
        if mailboxes is None or len(mailboxes) == 1:
            return mailboxes and mailboxes[0]
        self.fault(field, f"{shown(value)} is not one address")
        return None

    def _subject(self, parameter: str | None, header: Header | None, parent: Answered | None) -> str:
        subject = header.text if header else self._filled("subject", parameter or "", escapes=False)
        # What was copied or read from a file often ends with its line.
        subject = subject.strip(" \t\r\n") or (parent.reply_subject if parent else "")
        if problem := problem_of_value(subject):
            self.fault("subject", problem)
        self._check_encoding("headers: Subject" if header else "subject", subject)
        return subject.strip()

    def _made_headers(
        self, addressing: Addressing, parent: Answered | None, given: Collection[str]
    ) -> list[Header]:
        """The fields that parameters ask for; one that is among the headers that were given replaces its like."""
        made = thread_headers(parent, addressing.thread)
        made += self._try(importance_headers, addressing.importance) or ()
        if addressing.reply_to:
            mailboxes = self._try(parse_list, addressing.reply_to, "reply_to", self._warnings)
            made += [Header("Reply-To", mailboxes=mailboxes)] if mailboxes else []
        return [header for header in made if header.key not in given]

    def _notify(self, value: str | Sequence[str]) -> tuple[Notify, ...]:
        """What the sender wants to hear of: `never`, or some of the others, in a list (JSON too) or with commas."""
        words = re.split(r'[,;\s"\[\]]+', value) if isinstance(value, str) else value
        words = list(dict.fromkeys(word.strip().upper() for word in words if word.strip()))
        unknown = [word for word in words if word not in list(Notify)]
        if unknown:
            names = ", ".join(word.lower() for word in Notify)
            self.fault("dsn", f"{shown(unknown[0].lower())} is none of {names}")
            return ()
        if Notify.NEVER in words and len(words) > 1:
            self.fault("dsn", "never goes with nothing else")
            return ()
        return tuple(Notify(word) for word in words)

    def _template_values(self, value: str | Mapping[str, object] | None) -> Mapping[str, object] | None:
        if value is None or value == "":
            return None
        from message.templates import parse_values  # few mails are templates

        return self._try(parse_values, value)

    def _filled(self, field: str, text: str, *, escapes: bool) -> str:
        if self._values is None or "{" not in text:
            return text
        from message.templates import filled

        try:
            return filled(text, self._values, field, escapes=escapes)
        except MessageError as exc:
            self._faults += exc.faults
            return ""

    def _check_encoding(self, field: str, value: str) -> None:
        if self._defaults.ascii_only and not value.isascii():
            self._faults.append(Fault(field, "it is not ASCII", Lack.UNICODE))

    def _files(self, attachments: Sequence[Attachment], token: str) -> tuple[File, ...]:
        from message.attachments import look_at  # most mails have none

        files: list[File] = []
        for attachment in attachments:
            if attachment.is_template:
                name = self._filled(attachment.field, attachment.name, escapes=False)
                attachment = attachment._replace(name=name)
            what = str(attachment)
            content_id = self._content_id(attachment, files)
            try:
                file = look_at(attachment, content_id, absent=token.encode())
            except (OSError, ValueError) as exc:
                reason = (isinstance(exc, OSError) and exc.strerror) or exc
                self.fault(attachment.field, f"{what} can't be attached: {reason}")
                continue
            if file.name != attachment.name:
                self._warnings.append(f"the attachment {what} is sent as {shown(file.name)}")
            files.append(file)
        return tuple(files)

    def _content_id(self, attachment: Attachment, before: Sequence[File]) -> str:
        given = attachment.content_id.strip()
        content_id = given[1:-1] if given.startswith("<") and given.endswith(">") else given
        if given and not re.fullmatch(_CONTENT_ID, content_id):
            self.fault(
                attachment.field,
                f"its content_id {shown(given)} is not a content id: use letters, digits and . _ - @",
            )
        elif given and any(file.content_id == content_id for file in before):
            self.fault(attachment.field, f"its content_id {shown(content_id)} is given to two attachments")
        return content_id

    def _check_references(self, html: str, files: Sequence[File]) -> None:
        referred, inline = markup.content_ids(html), {file.content_id for file in files if file.content_id}
        self._warnings += [
            f"the HTML refers to cid:{shown(name)[1:-1]}, which no attachment has"
            for name in sorted(referred - inline)
        ]
        self._warnings += [
            f"the HTML does not refer to the content id {name}" for name in sorted(inline - referred)
        ]


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


def _taken(headers: list[Header], key: str) -> Header | None:
    """The header of that name, removed from the list; there is at most one of those that are asked for."""
    for header in headers:
        if header.key == key:
            headers.remove(header)
            return header
    return None

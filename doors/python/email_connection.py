"""EmailConnection: a mail over SMTP as a connection request, with configuration files and key stores.

    mail = EmailConnection("you@projectzero.org")
    mail.from_address = "me@projectzero.org"
    mail.subject, mail.content = "Hello you!", "This is the e-mail body."
    reply = mail.send()

Under it is `Request`, whose headers and body become the mail, and its `Response`. A mail that nobody got raises
`SendFailed`, whose `result` says why; one that only some got does not, and `result` of the response says who.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from actions import report as reports
from delivery.attempt import Attempt
from delivery.pool import Pool
from delivery.transport import Access, Transport
from delivery.window import deliver
from doors.python.act import Result
from doors.python.email_body import DEFAULT_TYPE, MultipartBody, Source, encoded_part, part_of
from doors.python.email_config import Config, RequestError, load_config
from message.address.mailbox import Mailbox, parse_list, unique
from message.compose import Draft, new_unique
from message.errors import MessageError, shown
from message.headers import Header, parse_headers
from smtp.errors import MailError
from smtp.transcript import Transcript

__all__ = [
    "Config",
    "EmailConnection",
    "MultipartBody",
    "Request",
    "RequestError",
    "Response",
    "SendFailed",
    "load_config",
]

HeaderValue = str | Sequence[str]
_MIME = frozenset({"mime-version", "content-type", "content-transfer-encoding"})
_LISTS = ("To", "Cc", "Bcc")


class SendFailed(Exception):
    """Nobody got the mail, or nobody knows: `result.outcome` says which, and `result.data` everything else."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.message)
        self.result = result


@dataclass(frozen=True, slots=True)
class Response:
    """`body` is the server's final reply."""

    body: str
    result: Result


class Request:
    """One mail. `target` names the primary recipient, unless the configuration has `mailto`.

    Headers have one value or a list; `config` is what `load_config` read, or its parameters. Raises `RequestError`
    for what can't be used, here or by `send`: nothing was sent then.
    """

    def __init__(
        self,
        target: str = "",
        method: str = "POST",
        headers: Mapping[str, HeaderValue] | None = None,
        body: object = "",
        config: Config | Mapping[str, Any] | None = None,
        **keywords: Any,
    ) -> None:
        if method.upper() != "POST":
            raise RequestError(f"{method} is not an operation of smtp: POST sends a mail.")
        self.target = target
        self.headers = dict(headers or {})
        self.body = body
        given = config if isinstance(config, Config) else Config().with_keywords(config or {})
        self.config = given.with_keywords(keywords)

    def send(self) -> Response:
        """Send the mail over a connection of its own. Raises `RequestError` and `SendFailed`."""
        asset = self.config.asset()
        with ExitStack() as resources:
            attempt = Attempt(self._draft(resources), position=1)
            observer = _Nobody()
            try:
                access = Access(asset, observer)
            except MailError as error:
                raise RequestError(f"{error.text} {error.hint}".strip()) from error
            with Transport(access, Pool()) as transport:
                (attempt,) = deliver(transport, observer, [attempt])
        told = reports.report(attempt, asset)
        status = "success" if told.success else "failed"
        result = Result(status, told.message, {}, list(told.data), dict(told.summary))
        if not told.success:
            raise SendFailed(result)
        return Response(str(told.data[0]["server_reply"]), result)

    def _draft(self, resources: ExitStack) -> Draft:
        """The mail, checked. Raises `RequestError`."""
        given = _by_name(self.headers)
        primary = _address("target", self._primary())
        try:
            to, cc, bcc = (_addresses(name, given.pop(name.lower(), [])) for name in _LISTS)
            sender = given.pop("from", [])
            author = parse_list(sender, "From") if sender else (primary,)
            subject = " ".join(given.pop("subject", []))
            mime = {name: given.pop(name, [""])[0] for name in _MIME}
            headers = parse_headers({_spelled(name, self.headers): values for name, values in given.items()})
        except MessageError as error:
            raise RequestError(str(error)) from error
        if len(author) != 1:
            raise RequestError("From takes one address.")
        to = unique((primary, *to))
        return self._composable(author[0], to, cc, bcc, subject, headers, mime, resources)

    def _composable(
        self,
        author: Mailbox,
        to: tuple[Mailbox, ...],
        cc: tuple[Mailbox, ...],
        bcc: tuple[Mailbox, ...],
        subject: str,
        headers: tuple[Header, ...],
        mime: Mapping[str, str],
        resources: ExitStack,
    ) -> Draft:
        body, token = self.body, os.urandom(16).hex()
        recipients = tuple(mailbox.address for mailbox in unique((*to, *cc, *bcc)))
        content_type = mime["content-type"] or DEFAULT_TYPE
        if isinstance(body, MultipartBody):
            files = body.files(token)
            texts = body.readable(), body.html
            return Draft(
                author, to, cc, bcc, recipients, subject, *texts, files, headers, (), new_unique(), token
            )
        if mime["mime-version"] and content_type.lower().startswith("multipart/mixed"):
            part = encoded_part(body, content_type, mime["content-transfer-encoding"])
        else:
            part = part_of(body, content_type, resources)
        return Draft(
            author,
            to,
            cc,
            bcc,
            recipients,
            subject,
            "",
            None,
            (),
            headers,
            (),
            new_unique(),
            token,
            part=part,
        )

    def _primary(self) -> str:
        if self.config.mailto:
            return self.config.mailto
        scheme, found, rest = self.target.partition("://")
        if found and scheme.lower() != "smtp":
            raise RequestError(f"{shown(self.target)} is not an address, or smtp:// and an address.")
        target = unquote(rest).rstrip("/") if found else self.target
        if not target:
            raise RequestError("There is no primary recipient: name it as the target, or with mailto.")
        return target


class EmailConnection:
    """A mail that is put together step by step: see the module. `target` as for `Request`.

    `config` and the keywords are the configuration: hostname, port, mailto, smtpsConfig, userid, password,
    connectionTimeout and readTimeout (seconds), allow_plaintext_auth.
    """

    def __init__(
        self, target: str = "", config: Config | Mapping[str, Any] | None = None, **keywords: Any
    ) -> None:
        self.target = target
        self.from_address = ""
        self.subject = ""
        self.content: object = ""
        self.content_type = ""
        self.to: list[str] = []
        self.cc: list[str] = []
        self.bcc: list[str] = []
        self.headers: dict[str, HeaderValue] = {}
        self.result: Result | None = None
        """What became of the mail that was sent last."""
        self._attachments = MultipartBody()
        self._config = (
            config if isinstance(config, Config) else Config().with_keywords(config or {})
        ).with_keywords(keywords)

    def set_from_address(self, address: str) -> None:
        """Who it is from; the primary recipient by default."""
        self.from_address = address

    def set_subject(self, subject: str) -> None:
        self.subject = subject

    def set_content(self, content: object, content_type: str = "") -> None:
        """The body: text, octets, a reader, a `MultipartBody`."""
        self.content = content
        self.content_type = content_type or self.content_type

    def set_header(self, name: str, value: HeaderValue) -> None:
        """Another header; a list writes it several times."""
        self.headers[name] = value

    def add_to(self, address: str) -> None:
        self.to.append(address)

    def add_cc(self, address: str) -> None:
        self.cc.append(address)

    def add_bcc(self, address: str) -> None:
        self.bcc.append(address)

    def add_attachment(
        self,
        source: Source,
        name: str | None = None,
        content_type: str | None = None,
    ) -> None:
        """Add a file by its path, or octets. One that can't be read is told by `send`."""
        self._attachments.add_attachment(source, name, content_type)

    def send(self) -> str:
        """Send it; the server's final reply is returned. Raises `RequestError` and `SendFailed`."""
        headers: dict[str, HeaderValue] = dict(self.headers)
        given = {"Subject": self.subject, "From": self.from_address, "Content-Type": self.content_type}
        headers |= {name: value for name, value in given.items() if value}
        headers |= {
            name: value for name, value in (("To", self.to), ("Cc", self.cc), ("Bcc", self.bcc)) if value
        }
        request = Request(self.target, headers=headers, body=self._body(), config=self._config)
        try:
            response = request.send()
        except SendFailed as error:
            self.result = error.result
            raise
        self.result = response.result
        return response.body

    def _body(self) -> object:
        if not self._attachments.attachments:
            return self.content
        if isinstance(self.content, MultipartBody):
            files = [*self.content.attachments, *self._attachments.attachments]
            return MultipartBody(self.content.text, self.content.html, files)
        if not isinstance(self.content, str):
            raise RequestError("With attachments the content has to be a text, or a MultipartBody.")
        if self.content_type.lower().startswith("text/html"):
            return MultipartBody(None, self.content, self._attachments.attachments)
        return MultipartBody(self.content, None, self._attachments.attachments)


def _by_name(headers: Mapping[str, HeaderValue]) -> dict[str, list[str]]:
    """The values of each header, by its name in lower case; what is empty is left out. Raises `RequestError`."""
    values: dict[str, list[str]] = {}
    for name, value in headers.items():
        several = [value] if isinstance(value, str) else list(value)
        if not all(isinstance(one, str) for one in several):
            raise RequestError(f"{name} needs a text or a list of texts.")
        if kept := [one for one in several if one.strip()]:
            values.setdefault(name.lower(), []).extend(kept)
    return values


def _spelled(name: str, headers: Mapping[str, HeaderValue]) -> str:
    return next(given for given in headers if given.lower() == name)


def _addresses(name: str, values: Sequence[str]) -> tuple[Mailbox, ...]:
    return unique(tuple(_address(name, value) for value in values))


def _address(name: str, value: str) -> Mailbox:
    """A bare address. Raises `RequestError` for a list and for a display name."""
    if any(character in value for character in ',;<>"'):
        raise RequestError(
            f"{name}: {shown(value)} has to be one bare address such as user@example.com; give several as a list."
        )
    try:
        (mailbox,) = parse_list(value, name)
    except (MessageError, ValueError) as error:
        raise RequestError(f"{name}: {shown(value)} is not an address such as user@example.com.") from error
    if mailbox.name:
        raise RequestError(f"{name}: {shown(value)} has a display name; give the bare address.")
    return mailbox


class _Nobody:
    """Nobody watches, and nothing is written down: what became of the mail is in the response."""

    def progress(self, text: str) -> None:
        """Nobody looks."""

    def sent(self, octets: int, size: int) -> None:
        """Nobody looks."""

    def is_cancelled(self) -> bool:
        return False

    def session_ended(self, transcript: Transcript) -> None:
        """Nobody looks."""

    def ended(self, attempt: Attempt) -> None:
        """It is in the response."""

    def committing(self, attempts: Sequence[Attempt]) -> None:
        """There is no ledger."""

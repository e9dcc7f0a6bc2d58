"""Everything of ours that reads what others wrote. A parser that is added to the project belongs into `PARSERS`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

from actions.attachments import from_json, listed
from actions.report import queue_id
from auth.certificate import read as read_certificate
from auth.errors import Step as AuthStep
from auth.oauth.answers import refusal
from auth.oauth.query import brings, parsed
from auth.oauth.token import Token, granted
from delivery.remedies import remedy
from host.local.inputs import InputError, container_id, parse
from host.manifest.model import load
from host.manifest.validation import parse_asset, rules_of_parameters
from message.address.domains import a_label, looks_like_another
from message.address.mailbox import look_alikes, parse_list
from message.attachments import clean_name
from message.conversation import answered
from message.draft import Addressing, Defaults, html_draft, plain_draft
from message.headers import parse_headers
from message.html.markdown import to_html
from message.html.rendering import to_text
from message.html.sanitise import content_ids, is_html, sanitize
from message.mime import address_list, parameterised, unstructured
from message.parts import look_through
from message.raw import parse_raw
from message.templates import filled, parse_values
from smtp import commands, pem
from smtp.content import DotStuffer, LineGuard, canonical
from smtp.envelope import Address
from smtp.errors import MailError, Step
from smtp.extensions import Extensions
from smtp.reply import Reply, ReplyReader
from smtp.sasl.bearer import OAuthBearer, XOAuth2
from smtp.sasl.channel_binding import end_point
from smtp.sasl.plain import CramMd5, Login, Plain
from smtp.sasl.scram import Scram
from smtp.text import showable
from tests.growth.shapes import (
    CHALLENGE,
    COMMON,
    JSON,
    MARKDOWN,
    MARKUP,
    MESSAGE,
    PEM,
    REPLY,
    SOME,
    STYLE,
    TEMPLATE,
    Shape,
)

_MANIFEST = load()
_SENDER = Defaults(sender="soar@example.test")
_TO = Addressing(to="jane@example.test", subject="growth")


@dataclass(frozen=True, slots=True)
class Parser:
    """`read` may raise what a bad input raises; `shapes` are those of its own language, besides those of `common`."""

    read: Callable[[str], object]
    shapes: tuple[Shape, ...] = ()
    common: tuple[Shape, ...] = COMMON

    def __call__(self, text: str) -> None:
        with suppress(MailError, ValueError, InputError):
            self.read(text)

    @property
    def all_shapes(self) -> tuple[Shape, ...]:
        return (*self.common, *self.shapes)


# -- smtp: what servers say ----------------------------------------------------------------------------------


def _replies(text: str) -> None:
    reader, octets = ReplyReader(), text.encode("utf-8", "surrogateescape")
    for start in range(0, len(octets), 1000):
        reader.feed(octets[start : start + 1000])
        while reader.next_reply():
            pass


def _reply(text: str, code: int = 250) -> Reply:
    return Reply(code, tuple(text.encode("ascii", "replace").decode().splitlines()) or ("",))


def _challenges(text: str) -> None:
    for mechanism in (
        Plain("ann", "secret"),
        Login("ann", "secret"),
        CramMd5("ann", "secret"),
        OAuthBearer("ann", "secret", "peer.test", 587),
        XOAuth2("ann", "secret"),
        Scram("ann", "secret", "SHA-256", nonce="fyko"),
    ):
        with suppress(MailError):
            mechanism.start()
            mechanism.respond(text.encode())
            mechanism.respond(text.encode())


def _stuffed(text: str) -> None:
    guard, stuffer, octets = LineGuard(), DotStuffer(), canonical(text.encode())
    for start in range(0, len(octets), 997):
        guard.check(octets[start : start + 997])
        stuffer.stuff(octets[start : start + 997])


# -- message: what people and playbooks hand in ------------------------------------------------------------------


def _headers(name: str) -> Callable[[str], object]:
    def read(text: str) -> object:
        asked = Addressing(to="jane@example.test", headers={name: text})
        return plain_draft(asked, "x", (), _SENDER).compose(eight_bit=True, smtputf8=True)

    return read


def _subject(text: str) -> object:
    asked = Addressing(to="jane@example.test", subject=text)
    return plain_draft(asked, "x", (), _SENDER).compose(eight_bit=False, smtputf8=False)


def _body(text: str) -> object:
    return plain_draft(_TO, text, (), _SENDER).compose(eight_bit=False, smtputf8=False)


def _html(text: str) -> object:
    return html_draft(_TO, text, None, (), _SENDER).compose(eight_bit=False, smtputf8=False)


def _style_attribute(text: str) -> object:
    quoted = text.replace('"', "&quot;")
    return sanitize(f'<p style="{quoted}">x</p>')


def _style_sheet(text: str) -> object:
    return sanitize(f"<html><head><style>{text}</style></head><body class=a>x</body></html>")


def _attribute(name: str) -> Callable[[str], object]:
    def read(text: str) -> object:
        html = '<p><img {0}="{1}"><a {0}="{1}">x</a></p>'.format(name, text.replace('"', "&quot;"))
        return _html(html)

    return read


def _composed(text: str) -> object:
    octets = canonical(text.encode())
    many = "".join(f"--b\nContent-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(50))
    look_through([canonical(f"Content-Type: multipart/mixed; boundary=b\n\n{many}".encode()), octets])
    look_through([b"Content-Type: " + octets + b"\r\n\r\n" + octets])
    return look_through(octets[start : start + 1000] for start in range(0, len(octets), 1000))


def _raw(text: str) -> object:
    return parse_raw(f"From: a@example.test\nTo: b@example.test\n{text}").compose(
        eight_bit=False, smtputf8=False
    )


def _raw_recipients(text: str) -> object:
    return parse_raw(f"From: {text}\nTo: {text}\nBcc: {text}\n\nx").compose(eight_bit=False, smtputf8=False)


# -- auth and host ------------------------------------------------------------------------------------------------


def _token_answer(text: str) -> None:
    answer = {
        "access_token": text,
        "expires_in": text,
        "scope": text,
        "error": text,
        "error_description": text,
    }
    refusal(answer, AuthStep.TOKEN, ("secret", text[:1000]))
    token = granted(answer, asked_at=0.0, scopes="mail", refresh_token="r")
    Token.parse(json.loads(json.dumps(token.as_dict())))


def _parameters(text: str) -> None:
    rules = rules_of_parameters(_MANIFEST.action("send_htmlemail"))
    rules.read(dict.fromkeys(_MANIFEST.action("send_htmlemail").parameters, text))


def _asset(text: str) -> None:
    for name in _MANIFEST.configuration:
        with suppress(MailError):
            parse_asset({"server": "mail.example.test", "ssl_config": "None", name: text}, "1", _MANIFEST)


PARSERS: Mapping[str, Parser] = MappingProxyType(
    {
        "replies": Parser(_replies, REPLY),
        "capabilities": Parser(lambda text: str(Extensions.parse(_reply(f"peer\n{text}"))), REPLY),
        "AUTH lines": Parser(lambda text: Extensions.parse(_reply(f"peer\nAUTH {text}")).auth, REPLY),
        "LIMITS lines": Parser(lambda text: Extensions.parse(_reply(f"peer\nLIMITS {text}")).limits, REPLY),
        "queue ids": Parser(lambda text: queue_id(_reply(text)), REPLY),
        "remedies": Parser(lambda text: remedy(Step.RCPT, 550, "5.7.1", text), REPLY),
        "enhanced codes": Parser(lambda text: _reply(text, 550).enhanced_code, REPLY),
        "text to be shown": Parser(lambda text: showable(text, "secret", text[:20])),
        "challenges": Parser(_challenges, CHALLENGE),
        "certificates in DER": Parser(
            lambda text: end_point(text.encode("latin-1", "replace")),
            (Shape("0\x80"), Shape("0\x84\x00\x01\x00\x00")),
        ),
        "PEM": Parser(lambda text: pem.blocks(text.encode()), PEM),
        "authorities": Parser(pem.authorities, PEM),
        "certificate with its key": Parser(lambda text: read_certificate(text, text, "secret"), PEM),
        "content on its way": Parser(_stuffed),
        "host names": Parser(commands.ehlo),
        "mailboxes": Parser(lambda text: (Address(text, "example.test"), Address("a", text))),
        "addresses": Parser(lambda text: look_alikes(parse_list(text, "to"))),
        "lists of addresses": Parser(lambda text: parse_list([text, text], "to"), (), SOME),
        "domains": Parser(lambda text: (looks_like_another(text), a_label(text))),
        "headers": Parser(parse_headers, JSON),
        "header To": Parser(_headers("To"), (), SOME),
        "header Reply-To": Parser(_headers("Reply-To"), (), SOME),
        "header References": Parser(_headers("References")),
        "header Message-ID": Parser(_headers("Message-ID")),
        "header Sender": Parser(_headers("Sender"), (), SOME),
        "other headers": Parser(_headers("X-Other")),
        "subject": Parser(_subject),
        "answered mails": Parser(answered, MESSAGE),
        "Markdown": Parser(to_html, MARKDOWN, SOME),
        "templates": Parser(lambda text: filled(text, {"a": text}, "body", escapes=True), TEMPLATE, SOME),
        "values of templates": Parser(parse_values, JSON),
        "fields": Parser(lambda text: (unstructured("Subject", text), address_list("To", [(text, "a@b.c")]))),
        "file names": Parser(
            lambda text: parameterised("Content-Disposition", "inline", [("filename", clean_name(text))])
        ),
        "bodies": Parser(_body, MARKUP[::3], SOME),
        "HTML": Parser(sanitize, MARKUP),
        "HTML as text": Parser(to_text, MARKUP),
        "HTML or not": Parser(is_html, MARKUP),
        "HTML mails": Parser(_html, MARKUP[::3], SOME),
        "content ids": Parser(content_ids, MARKUP),
        "style sheets": Parser(_style_sheet, STYLE, SOME),
        "style attributes": Parser(_style_attribute, STYLE, SOME),
        "URLs": Parser(_attribute("href")),
        "sources of images": Parser(_attribute("src")),
        "attributes": Parser(_attribute("title")),
        "composed mails": Parser(_composed, MESSAGE),
        "raw mails": Parser(lambda text: parse_raw(text).compose(eight_bit=False, smtputf8=False), MESSAGE),
        "fields of raw mails": Parser(_raw, MESSAGE, SOME),
        "types in raw mails": Parser(lambda text: _raw(f"Content-Type: {text}\n\n\u00fc"), MESSAGE),
        "recipients of raw mails": Parser(_raw_recipients, MESSAGE, SOME),
        "lists of attachments": Parser(
            lambda text: (listed("attachments", text), from_json("attachment_json", text)), JSON
        ),
        "parameters": Parser(_parameters, JSON),
        "asset fields": Parser(_asset, JSON),
        "JSON documents": Parser(lambda text: parse(text.encode(), "standard input"), JSON),
        "container ids": Parser(container_id),
        "token answers": Parser(_token_answer, JSON),
        "redirects": Parser(lambda text: brings(parsed(text), "secret")),
    }
)

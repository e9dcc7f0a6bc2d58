"""preview email: the message that `send email` or `send htmlemail` would send, without anything being connected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from actions import send_email, send_htmlemail
from actions.attachments import listed
from actions.contract import Context, Report
from actions.preview import preview, refused
from actions.send import defaults
from delivery.attempt import Outgoing
from delivery.transport import Transport
from message.draft import html_draft, plain_draft
from message.errors import Fault
from smtp.errors import MailError


class Parameters(NamedTuple):
    """Those of both sends. It is a `send htmlemail` if there is an `html_body`, and else a `send email`."""

    plain: send_email.Parameters
    html: send_htmlemail.Parameters

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """From values that the manifest's schema has accepted."""
        return cls(send_email.Parameters.parse(values), send_htmlemail.Parameters.parse(values))


def run(parameters: Parameters, context: Context, transport: Transport) -> Report:  # noqa: ARG001 - nothing is connected
    """Prepare the mail as its action would, and show what came of it. What is wrong with it is the report."""
    try:
        return preview(check(parameters, context), context)
    except MailError as exc:
        return refused(exc)


def check(parameters: Parameters, context: Context) -> Outgoing:
    """The mail as its action would prepare it. Raises `MessageError`."""
    plain, html = parameters.plain, parameters.html
    wanted, faults = send_htmlemail.wanted_files(html)
    found = plain.common.looked_up([*listed("attachments", plain.attachments), *wanted], context)
    faults = [*faults, *found.faults]
    if plain.body and html.html_body:
        faults.append(Fault("body", "it goes with send email, and html_body with send htmlemail: give one"))
    if html.text_body and not html.html_body:
        faults.append(Fault("text_body", "it goes beside an html_body, and there is none"))
    if html.html_body:
        return html_draft(
            found.addressing,
            html.html_body,
            html.text_body,
            found.files,
            defaults(context.asset),
            faults,
            should_sanitize=html.should_sanitize_template,
        )
    return plain_draft(
        found.addressing,
        plain.body,
        found.files,
        defaults(context.asset),
        faults,
        body_format=plain.body_format,
    )

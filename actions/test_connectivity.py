"""test connectivity: every step to the server in the open, and a test mail where there is somebody to get it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from actions import report as reports
from actions import send as sending
from actions.contract import Asset, Context, Report
from delivery.transport import transport
from message.address.mailbox import parse_list
from message.compose import Draft
from message.draft import Addressing, plain_draft
from smtp.session import Session

if TYPE_CHECKING:
    from auth.oauth.sign_in import SignIn

SUBJECT = "SMTP connector: test mail"
BODY = """This mail was sent by the test of an SMTP connector's asset.

It got here, so the settings work: server, encryption and login.
"""


@dataclass(frozen=True, slots=True)
class Parameters:
    """There are none."""

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:  # noqa: ARG003 - every action's parameters are parsed
        return cls()


def run(parameters: Parameters, context: Context) -> Report:  # noqa: ARG001 - every action is given them
    """Connect, encrypt, log in, send. The first step that fails ends it, with what to do."""
    line = transport(context, _sign_in(context))
    try:
        draft = _test_mail(context.asset)
        session = line.session()
        if draft is None:
            return _passed(context, _without_a_mail(context, session))
    except reports.EXPECTED as exc:
        return Report(False, reports.stopped("Test connectivity failed", exc, line.server))
    address = draft.recipients[0]
    context.progress(f"Sending a test mail to {address}.")
    report = sending.send(context, draft)
    if not report.success:
        return Report(False, f"Test connectivity failed. {report.message}")
    return _passed(context, f"A test mail was sent to {address}.")


def _passed(context: Context, text: str) -> Report:
    return Report(True, " ".join(["Test connectivity passed.", text, *sending.unverified(context.asset)]))


def _test_mail(asset: Asset) -> Draft | None:
    """The mail to the asset's own address, None if it has none. Raises `MessageError` that names the field."""
    field = "sender_address" if asset.sender_address else "username"
    address: str = getattr(asset, field)
    if "@" not in address:
        return None
    parse_list(address, field)
    return plain_draft(Addressing(to=address, subject=SUBJECT), BODY, (), sending.defaults(asset))


def _without_a_mail(context: Context, session: Session) -> str:
    """An empty transaction: the server is asked whether it would take a mail, and given none."""
    session.mail(None)
    session.reset()
    text = "No mail was sent: neither sender_address nor username is an address to send one to."
    context.progress(text)
    return text


def _sign_in(context: Context) -> SignIn | None:
    """A person may be asked to sign in: whoever runs this test is there to do it."""
    if not context.asset.auth_url:
        return None
    from auth.oauth.sign_in import SignIn  # with a password nobody pays for it

    redirect = context.redirect
    return SignIn(context.is_cancelled, redirect) if redirect else SignIn(context.is_cancelled)

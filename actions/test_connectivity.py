"""test connectivity: every step to the server in the open, and a test mail where there is somebody to get it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from actions.connectivity import connectivity_data
from actions.contract import Context, Report
from actions.report import stopped, unverified
from actions.send import defaults, send
from delivery.asset import Asset
from delivery.attempt import Outgoing
from delivery.steps import FAILED, PASSED, SKIPPED, TEST_MAIL, Steps
from delivery.transport import Transport
from message.address.mailbox import parse_list
from message.draft import Addressing, plain_draft
from smtp.errors import MailError, SmtpError
from smtp.session import Session

MAY_SIGN_IN = True

SUBJECT = "SMTP connector: test mail"
BODY = """This mail was sent by the test of an SMTP connector's asset.

It got here, so the settings work: server, encryption and login.
"""


class Parameters:
    """There are none."""

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:  # noqa: ARG003 - every action's parameters are parsed
        return cls()


def run(parameters: Parameters, context: Context, transport: Transport) -> Report:  # noqa: ARG001 - as above
    """Connect, encrypt, log in, send. The first step that fails ends it, with what to do."""
    steps = transport.access.steps = Steps()
    try:
        mail = _test_mail(context.asset)
        session = transport.open_session()
        if not steps.taken:
            steps.describe(session)  # another run of this process had connected it
        if mail is None:
            text = _without_a_mail(context, session, steps)
            steps.add(TEST_MAIL, text, SKIPPED)
            return _passed(context, transport, steps, text)
    except MailError as exc:
        text = stopped("Test connectivity failed", exc, transport.facts.server)
        return _told(False, text, context, transport, steps)
    address = mail.recipients[0]
    context.progress(f"Sending a test mail to {address}.")
    report = send(mail, transport, context)
    steps.add(TEST_MAIL, report.message, PASSED if report.success else FAILED)
    if not report.success:
        return _told(False, f"Test connectivity failed. {report.message}", context, transport, steps)
    return _passed(context, transport, steps, f"A test mail was sent to {address}.")


def _passed(context: Context, transport: Transport, steps: Steps, text: str) -> Report:
    text = " ".join(["Test connectivity passed.", text, *unverified(context.asset)])
    return _told(True, text, context, transport, steps)


def _told(success: bool, text: str, context: Context, transport: Transport, steps: Steps) -> Report:
    data = connectivity_data(context, transport, steps)
    for notice in data["readiness"]:
        context.progress(notice["text"])
    return Report(success, text, [data])


def _test_mail(asset: Asset) -> Outgoing | None:
    """The mail to the asset's own address, None if it has none that may be written to.

    Raises `MessageError` that names the field.
    """
    field, address = "sender_address", asset.sender_address
    if not address:
        field, address = "username", asset.username
    if "@" not in address:
        return None
    own = defaults(asset)
    if not all(own.audience.admits(mailbox.address) for mailbox in parse_list(address, field)):
        return None
    return plain_draft(Addressing(to=address, subject=SUBJECT), BODY, (), own)


def _without_a_mail(context: Context, session: Session, steps: Steps) -> str:
    """An empty transaction: the server is asked whether it would take a mail, and given none. Raises `SmtpError`."""
    try:
        session.mail(None)
        session.reset()
    except SmtpError as exc:
        steps.add(TEST_MAIL, str(exc), FAILED)
        raise
    if "@" in (context.asset.sender_address or context.asset.username):
        text = "No mail was sent: the asset's own address is not one that it may write to."
    else:
        text = "No mail was sent: neither sender_address nor username is an address to send one to."
    context.progress(text)
    return text

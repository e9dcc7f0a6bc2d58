"""The connector, as the benchmarks call it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import mails
from message.compose import Message
from message.draft import Addressing, Defaults, plain_draft
from smtp.content import Octets
from smtp.envelope import Address, Envelope
from smtp.outcome import Outcome
from smtp.session import Session
from smtp_connector import SmtpConnector

Fields = dict[str, Any]


@contextmanager
def data_folder() -> Iterator[Path]:
    """Within this, runs of this process are recorded in a folder that is removed again, not in the user's own."""
    from host.local.home import HOME_VARIABLE  # a child's memory is measured without what it does not use

    before = os.environ.get(HOME_VARIABLE)
    with TemporaryDirectory(prefix="smtp-connector-benchmarks-") as name:
        os.environ[HOME_VARIABLE] = name
        try:
            yield Path(name)
        finally:
            os.environ.pop(HOME_VARIABLE)
            if before is not None:
                os.environ[HOME_VARIABLE] = before


class OneByOne(SmtpConnector):
    """As on the platform, which gives out one parameter set at a time."""

    def handle_all(self, parameters: list[Fields]) -> None:
        for param in parameters:
            self.handle_action(param)


def run(
    asset: Fields, parameters: list[dict[str, str]], connector: type[SmtpConnector] = SmtpConnector
) -> None:
    """One action run through the platform's entry. All of it has to have been sent."""
    connection = connector()
    connection.show_progress = lambda _text: None
    in_json = json.dumps({"identifier": "send_email", "config": asset, "parameters": parameters})
    del parameters  # where memory is measured, those of the caller are not to count
    answer = connection._handle_action(in_json, None)
    if not answer.startswith('{"identifier": "send_email", "status": "success"'):
        raise RuntimeError(json.loads(answer)["message"])


def send_composed(port: int, count: int) -> None:
    """Mails that are composed one after the other, over one session."""
    with Session.connect("127.0.0.1", port) as session:
        session.hello()
        deliveries = session.send_many((m.envelope, m.content) for m in map(_composed, range(count)))
        if any(delivery.outcome is not Outcome.SENT for delivery in deliveries):
            raise RuntimeError("not all of it was sent")


def _composed(number: int) -> Message:
    mail = mails.parameters(number)
    addressing = Addressing(to=mail["to"], sender=mails.SENDER, subject=mail["subject"])
    return plain_draft(addressing, mail["body"], (), Defaults()).compose(eight_bit=True, smtputf8=False)


def send_ready(port: int, message: bytes, count: int, *, window: bool) -> None:
    """Ready messages over one session, several in flight or each after the other."""
    envelope = Envelope(Address("me", "example.com"), (Address("person0", "example.com"),))
    with Session.connect("127.0.0.1", port) as session:
        session.hello()
        content = Octets(message)
        if window:
            deliveries = list(session.send_many((envelope, content) for _ in range(count)))
        else:
            deliveries = [session.send(envelope, content) for _ in range(count)]
    if any(delivery.outcome is not Outcome.SENT for delivery in deliveries):
        raise RuntimeError("not all of it was sent")

"""One mail that is taken in whole, to be sent later: the other way than `doors.relay.mail`, with the same commands."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile

from doors.relay.head import Head, MailLoop
from doors.relay.log import Log
from doors.relay.mail import GO_ON, IN_CIRCLES, Recipient
from doors.relay.replies import reply
from doors.relay.spool import OFFERED, Spool
from host.local.files import StoreError, reason
from host.local.inputs import InputError
from smtp.envelope import Address
from smtp.extensions import Extensions
from smtp.reply import Reply

IN_MEMORY = 1024 * 1024
"""Octets of a message that is coming in; more go to a file that has no name."""
CAN_NOT_BE_WRITTEN = reply(452, "4.3.1", "The relay can't write the mail down; its log says why")


@dataclass(slots=True)
class SpooledMail:
    """From MAIL to the last reply. `refusal` is the answer to its end, once it is certain that it isn't taken."""

    spool: Spool
    log: Log
    sender: Address | None
    parameters: tuple[str, ...] = ()
    recipients: list[Recipient] = field(default_factory=list)
    refusal: Reply | None = None
    outcome: str = "not taken"
    octets: int = 0
    head: Head | None = None
    accepted: int = 0
    _due: deque[Reply] = field(default_factory=deque)
    _gathered: SpooledTemporaryFile[bytes] = field(
        default_factory=lambda: SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - `end` closes it
    )

    @property
    def offered(self) -> Extensions:
        return OFFERED

    def open(self) -> None:
        """There is no session to borrow."""

    def mail(self, parameters: tuple[str, ...]) -> None:
        self.parameters = parameters
        self._due.append(reply(250, "2.1.0", "Sender ok"))

    def rcpt(self, recipient: Recipient) -> None:
        recipient.answer = reply(250, "2.1.5", "Recipient ok; the mail server is asked later")
        self.recipients.append(recipient)
        self.accepted += 1
        self._due.append(recipient.answer)

    def next_answer(self) -> Reply:
        return self._due.popleft()

    def begin_message(self, received: str) -> Reply:
        self.head = Head(received, self.sender)
        return GO_ON

    def write(self, piece: bytes) -> None:
        """Keep octets of the message."""
        self.octets += len(piece)
        if self.refusal is None and self.head is not None:
            self._keep(self.head, piece)

    def finish(self) -> Reply:
        """Write the mail down. 250 says that it is on the disk."""
        if self.refusal is None and self.head is not None:
            self._keep(self.head, None)
        if self.refusal is not None or self.head is None:
            return self.refusal or reply(503, "5.5.1", "There is no message")
        self._gathered.seek(0)
        octets = self._gathered.read()
        octets += b"" if octets.endswith(b"\r\n") else b"\r\n"
        addresses = tuple(recipient.address for recipient in self.recipients)
        try:
            number = self.spool.take(
                self.sender,
                addresses,
                octets,
                self.head.message_id,
                smtputf8="SMTPUTF8" in self.parameters,
            )
        except (StoreError, InputError) as exc:
            self.log.warn(f"A mail could not be written down: {exc}")
            return CAN_NOT_BE_WRITTEN
        self.outcome = f"spooled as run {number}"
        return reply(250, "2.0.0", f"Taken as run {number}; the mail server is told soon")

    def refuse(self, answer: Reply) -> None:
        """Keep nothing of it, and answer its end so."""
        self.refusal = self.refusal or answer

    def end(self) -> None:
        self._gathered.close()

    def _keep(self, head: Head, piece: bytes | None) -> None:
        try:
            self._gathered.write(head.finish() if piece is None else head.take(piece))
        except MailLoop:
            self.refuse(IN_CIRCLES)
        except OSError as exc:
            self.log.warn(f"A mail could not be written down: {reason(exc)}")
            self.refuse(CAN_NOT_BE_WRITTEN)

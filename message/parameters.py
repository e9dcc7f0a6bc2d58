"""What is asked of a message, as it was given: nothing here is checked yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from message.audience import EVERYBODY, Audience

if TYPE_CHECKING:
    from message.errors import Fault
    from message.signing.protection import Protection


class Defaults(NamedTuple):
    """What holds where a message itself says nothing: who it is from, and whether it may hold other than ASCII.

    `sender_field` is what a fault of `sender` is told of. The signature stands at the end of every mail,
    `protection` is how mails are signed and encrypted, and `audience` whom they may go to. `faults` are of settings
    that can't be used: no mail can be made then.
    """

    sender: str = ""
    sender_field: str = "from"
    ascii_only: bool = False
    signature_text: str = ""
    signature_html: str = ""
    protection: Protection | None = None
    audience: Audience = EVERYBODY
    faults: Sequence[Fault] = ()


class Addressing(NamedTuple):
    """Who a message is from and to, and what its header says, as it was given.

    `in_reply_to` is the Message-ID of the mail that is answered, or that mail's octets; then the subject follows from
    it. Mails with the same `thread` form one, whatever that text is. Bounces go to `envelope_sender`, to nobody if that
    is `<>`; `dsn` says of what a server is to tell (never, or some of success, failure, delay). `template_values` (a
    JSON object) makes templates of subject, bodies and the names of files.
    """

    to: str | Sequence[str] | None = None
    sender: str | None = None
    cc: str | Sequence[str] | None = None
    bcc: str | Sequence[str] | None = None
    subject: str | None = None
    headers: str | Mapping[str, object] | None = None
    reply_to: str | Sequence[str] | None = None
    in_reply_to: str | bytes | None = None
    thread: str = ""
    importance: str = ""
    envelope_sender: str = ""
    dsn: str | Sequence[str] = ""
    template_values: str | Mapping[str, object] | None = None

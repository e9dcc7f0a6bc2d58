"""A mail that was taken in to be sent later: an action of this machine's own, which nobody can ask for by name.

Its envelope is the one that a client gave by SMTP, and not what stands in the message, which goes as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

from actions.contract import Context
from delivery.attempt import Outgoing
from delivery.audience import audience
from delivery.pool import Pool
from host.action_run import ActionRun
from host.manifest.model import Action, Field, load
from host.run_context import RunContext
from message.compose import Message
from message.errors import Fault, MessageError, shown
from smtp.content import Octets
from smtp.envelope import Address, Body, Envelope
from smtp.given import address_of, sender_of

_ENCODING = "latin-1"
"""One character for each octet."""


def _field(
    name: str, data_type: str = "string", *, required: bool = False, allow_list: bool = False
) -> Field:
    return Field(name, data_type, "", required, None, (), (), allow_list)


RELAYED = Action(
    name="relayed mail",
    identifier="relayed_mail",
    description="A mail that the relay has taken in",
    verbose="",
    read_only=False,
    parameters=MappingProxyType(
        {
            "sender": _field("sender"),
            "recipients": _field("recipients", required=True, allow_list=True),
            "raw_email": _field("raw_email", required=True),
            "message_id": _field("message_id"),
            "smtputf8": _field("smtputf8", "boolean"),
        }
    ),
    output=(),
)


def parameters_of(
    sender: Address | None, recipients: tuple[Address, ...], octets: bytes, message_id: str, *, smtputf8: bool
) -> dict[str, Any]:
    """What is written down of a mail; `Parameters` reads it."""
    return {
        "sender": str(sender or ""),
        "recipients": [str(address) for address in recipients],
        "raw_email": octets.decode(_ENCODING),
        "message_id": message_id,
        "smtputf8": smtputf8,
    }


def action_named(name: str) -> Action:
    """The action of a run that was submitted. Raises `UnknownAction`."""
    return RELAYED if name == RELAYED.name else load().action(name)


def run_of(action: Action, context: RunContext, pool: Pool) -> ActionRun:
    """Raises `MailError`, as `ActionRun` does."""
    # `actions/` has what a playbook can ask for, and this isn't among it: its module is this one.
    module = sys.modules[__name__] if action is RELAYED else None
    return ActionRun(action, context, pool, module)


@dataclass(frozen=True, slots=True)
class Parameters:
    sender: Address | None
    recipients: tuple[Address, ...]
    octets: bytes
    message_id: str
    smtputf8: bool

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Raises `InvalidValue` for an address that is none."""
        return cls(
            sender_of(values.get("sender", "")),
            tuple(address_of(text) for text in values["recipients"]),
            values["raw_email"].encode(_ENCODING),
            values.get("message_id", ""),
            values.get("smtputf8", False),
        )


@dataclass(frozen=True, slots=True)
class RelayedMail:
    """`delivery.attempt.Outgoing` of a message that is complete."""

    sender: Address | None
    recipients: tuple[Address, ...]
    octets: bytes
    message_id: str
    smtputf8: bool
    redirected: tuple[Address, ...] = ()

    def compose(self, *, eight_bit: bool, smtputf8: bool) -> Message:
        """Raises `MessageError` for a server that can't take it as it is."""
        needs_eight_bit = not self.octets.isascii()
        lacks = [
            Fault("", f"the mail server does not offer {name}, which this mail needs")
            for name, needed, offered in (
                ("8BITMIME", needs_eight_bit, eight_bit),
                ("SMTPUTF8", self.smtputf8, smtputf8),
            )
            if needed and not offered
        ]
        if lacks:
            raise MessageError(lacks)
        body = Body.EIGHT_BIT if needs_eight_bit else Body.SEVEN_BIT
        envelope = Envelope(self.sender, self.recipients, body, smtputf8=self.smtputf8)
        return Message(envelope, Octets(self.octets), self.message_id)


def prepare(parameters: Parameters, context: Context) -> Outgoing:
    """The rules of the account may have changed since the mail was taken in. Raises `MessageError`."""
    rules = audience(context.asset)
    faults = [
        Fault("", f"{shown(str(address))} may not be written to")
        for address in parameters.recipients
        if not rules.admits(address)
    ]
    if rules.instead:
        faults.append(
            Fault("", "the asset has redirect_to, and what came through a relay can't be sent elsewhere")
        )
    if faults:
        raise MessageError(faults)
    return RelayedMail(
        parameters.sender,
        parameters.recipients,
        parameters.octets,
        parameters.message_id,
        parameters.smtputf8,
    )

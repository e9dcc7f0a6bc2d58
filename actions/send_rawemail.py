"""send rawemail: a message that somebody else made, as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from actions.contract import Context, Report
from actions.send import checked, send
from delivery.window import Outgoing
from message.compose import Message
from message.raw import RawMessage, compose_raw, parse_raw


@dataclass(frozen=True, slots=True)
class Parameters:
    """As in the manifest."""

    raw_email: str

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """From values that the manifest's schema has accepted."""
        return cls(values["raw_email"])


class _Raw:
    """A raw message as an outgoing one."""

    def __init__(self, raw: RawMessage) -> None:
        self._raw = raw
        self.sender = raw.sender.address
        self.recipients = raw.recipients

    def compose(self, *, eight_bit: bool, smtputf8: bool) -> Message:
        return compose_raw(self._raw, eight_bit=eight_bit, smtputf8=smtputf8)


def prepare(parameters: Parameters, context: Context) -> Outgoing:  # noqa: ARG001 - every action is given it
    """Take sender and recipients from the message; nothing is connected yet."""
    return _Raw(checked(lambda: parse_raw(parameters.raw_email)))


def run(parameters: Parameters, context: Context) -> Report:
    """Take sender and recipients from the message, then send it."""
    return send(context, prepare(parameters, context))

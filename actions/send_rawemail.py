"""send rawemail: a message that somebody else made, as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from actions.contract import Context
from delivery.asset import PROTECTING
from delivery.attempt import Outgoing
from delivery.audience import audience
from delivery.errors import UnusableSettings
from message.raw import parse_raw

UNPROTECTED = (
    "this mail was neither signed nor encrypted, as the asset's other mails are: raw mails go as they are"
)


class Parameters(NamedTuple):
    """As in the manifest."""

    raw_email: str

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """From values that the manifest's schema has accepted."""
        return cls(values["raw_email"])


def prepare(parameters: Parameters, context: Context) -> Outgoing:
    """Take sender and recipients from the message; nothing is connected yet."""
    is_protecting = any(getattr(context.asset, name) for name in PROTECTING)
    warnings = [UNPROTECTED] if is_protecting else []
    try:
        return parse_raw(parameters.raw_email, audience(context.asset), warnings=warnings)
    except UnusableSettings as exc:
        return parse_raw(parameters.raw_email, faults=exc.faults)

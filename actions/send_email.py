"""send email: plain text, or HTML with a rendering of it, and attachments from the vault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from actions.attachments import listed, look_up
from actions.contract import Context
from actions.send import addressing, defaults
from delivery.attempt import Outgoing
from message.draft import Addressing, plain_draft


@dataclass(frozen=True, slots=True)
class Parameters:
    """As in the manifest; texts that were not given are empty."""

    addressing: Addressing
    body: str
    attachments: str | list[str]

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """From values that the manifest's schema has accepted."""
        return cls(addressing(values), values.get("body", ""), values.get("attachments", ""))


def prepare(parameters: Parameters, context: Context) -> Outgoing:
    """Check everything; nothing is connected yet."""
    files, faults = look_up(listed("attachments", parameters.attachments), context.vault)
    return plain_draft(parameters.addressing, parameters.body, files, defaults(context.asset), faults)

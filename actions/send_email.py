"""send email: plain text, or HTML with a rendering of it, and attachments from the vault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from actions.attachments import listed
from actions.contract import Context
from actions.send import Common, defaults
from delivery.attempt import Outgoing
from message.draft import plain_draft


class Parameters(NamedTuple):
    """As in the manifest; texts that were not given are empty."""

    common: Common
    body: str
    body_format: str
    attachments: str | list[str]

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """From values that the manifest's schema has accepted."""
        return cls(
            Common.parse(values),
            values.get("body", ""),
            values.get("body_format", "automatic"),
            values.get("attachments", ""),
        )


def prepare(parameters: Parameters, context: Context) -> Outgoing:
    """Check everything; nothing is connected yet."""
    wanted = listed("attachments", parameters.attachments) if parameters.attachments else []
    found = parameters.common.looked_up(wanted, context)
    return plain_draft(
        found.addressing,
        parameters.body,
        found.files,
        defaults(context.asset),
        found.faults,
        body_format=parameters.body_format,
    )

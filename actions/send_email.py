"""send email: plain text, or HTML with a rendering of it, and attachments from the vault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from actions.attachments import drafted, listed
from actions.contract import Context, Report
from actions.send import Drafted, addressing, checked, defaults, send
from delivery.window import Outgoing
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
    draft = checked(
        lambda: drafted(
            lambda: listed("attachments", parameters.attachments),
            context.vault,
            lambda files: plain_draft(parameters.addressing, parameters.body, files, defaults(context.asset)),
        )
    )
    return Drafted(draft)


def run(parameters: Parameters, context: Context) -> Report:
    """Check everything, then send."""
    return send(context, prepare(parameters, context))

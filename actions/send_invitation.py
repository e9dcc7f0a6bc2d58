"""send invitation: a mail that calendars understand, and that asks for an event, changes it or cancels it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from actions.contract import Context
from actions.send import defaults
from delivery.attempt import Outgoing
from message.calendar import Invitation, invitation_draft
from message.parameters import Addressing


class Parameters(NamedTuple):
    """As in the manifest."""

    addressing: Addressing
    invitation: Invitation

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """From values that the manifest's schema has accepted."""
        return cls(
            Addressing(
                to=values["to"],
                sender=values.get("from"),
                cc=values.get("cc"),
                subject=values.get("subject"),
            ),
            Invitation(
                start=values["start"],
                end=values["end"],
                timezone=values.get("timezone", ""),
                description=values.get("description", ""),
                location=values.get("location", ""),
                organizer=values.get("organizer", ""),
                uid=values.get("uid", ""),
                sequence=values.get("sequence", 0),
                method=values.get("method", "request"),
                reminder_minutes=values.get("reminder_minutes"),
            ),
        )


def prepare(parameters: Parameters, context: Context) -> Outgoing:
    """Check everything; nothing is connected yet."""
    return invitation_draft(parameters.addressing, parameters.invitation, defaults(context.asset))

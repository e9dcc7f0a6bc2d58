"""send htmlemail: HTML with its text, what it shows inline, and attachments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from actions.attachments import Wanted, from_json
from actions.contract import Context
from actions.send import Common, defaults
from delivery.attempt import Outgoing
from message.draft import html_draft
from message.errors import Fault

SLOTS = range(1, 6)


class Parameters(NamedTuple):
    """As in the manifest; texts that were not given are empty. `slots` are attachmentN with content_idN."""

    common: Common
    html_body: str
    text_body: str
    attachment_json: str | list[Any]
    slots: tuple[tuple[str, str], ...]
    should_sanitize_template: bool

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """From values that the manifest's schema has accepted."""
        return cls(
            Common.parse(values),
            values.get("html_body", ""),
            values.get("text_body", ""),
            values.get("attachment_json", ""),
            tuple((values.get(f"attachment{n}", ""), values.get(f"content_id{n}", "")) for n in SLOTS),
            values.get("should_sanitize_template", True),
        )


def prepare(parameters: Parameters, context: Context) -> Outgoing:
    """Check everything; nothing is connected yet."""
    wanted, faults = wanted_files(parameters)
    found = parameters.common.looked_up(wanted, context)
    return html_draft(
        found.addressing,
        parameters.html_body,
        parameters.text_body,
        found.files,
        defaults(context.asset),
        [*faults, *found.faults],
        should_sanitize=parameters.should_sanitize_template,
    )


def wanted_files(parameters: Parameters) -> tuple[list[Wanted], list[Fault]]:
    """The files that are asked for, and what is wrong with how they are."""
    wanted, faults = from_json("attachment_json", parameters.attachment_json)
    for number, (vault_id, content_id) in zip(SLOTS, parameters.slots, strict=True):
        # A content id without its attachment asks for nothing: playbooks fill it in for files that may be absent.
        if vault_id.strip():
            wanted.append(Wanted(f"attachment{number}", vault_id.strip(), content_id.strip()))
    return wanted, faults

"""The parts, one for each row of the table."""

from __future__ import annotations

from benchmarks.parts import (
    action,
    attachment,
    durable,
    first,
    further,
    many,
    ready,
    recipients,
    relayed,
    start,
    window,
)
from benchmarks.result import Part

PARTS: tuple[Part, ...] = (
    window.PART,
    further.PART,
    first.PART,
    recipients.PART,
    ready.PART,
    action.PART,
    *attachment.PARTS,
    start.PART,
    durable.PART,
    *many.PARTS,
    *relayed.PARTS,
)

"""How a target says that a rule was broken."""

from __future__ import annotations


class Broken(Exception):
    """What must not be has come to pass: a finding. Whatever else a target raises is one too."""


def must(holds: object, otherwise: str) -> None:
    """Raises `Broken` unless `holds`."""
    if not holds:
        raise Broken(otherwise)

"""What is fuzzed, by name, and the inputs that each begins with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from tests.fuzz import clients, messages, replies
from tests.fuzz.actions import actions
from tests.fuzz.session import session

Target = Callable[[bytes], None]

TARGETS: Mapping[str, Target] = MappingProxyType(
    {"session": session, **replies.TARGETS, **clients.TARGETS, **messages.TARGETS, "actions": actions}
)
_CORPUS = Path(__file__).parent / "corpus"


def corpus(name: str) -> list[bytes]:
    """The inputs that are kept for a target: one a line, with Python's escapes for what can't be seen."""
    lines = (_CORPUS / f"{name}.txt").read_text("ascii").splitlines()
    return [as_octets(line) for line in lines]


def as_octets(line: str) -> bytes:
    return line.encode("ascii").decode("unicode_escape").encode("latin-1")


def as_line(octets: bytes) -> str:
    return octets.decode("latin-1").encode("unicode_escape").decode("ascii")

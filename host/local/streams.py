"""Standard error as people and logs read it: one line a fact, nothing in it that a terminal could act upon."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

from smtp.text import printable


def say(text: str) -> None:
    """A line on standard error. Nobody reading it is no reason to fail."""
    say_as_it_is(printable(text))


def say_as_it_is(text: str) -> None:
    """The same for a text of ours, which may hold colours."""
    with suppress(ValueError, AttributeError):
        try:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
        except OSError:
            forget(sys.stderr)


def forget(stream: TextIO) -> None:
    """Let what is left in the stream's buffer go nowhere, instead of failing again when the process ends."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)

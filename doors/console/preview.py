"""Exactly the message that would go out, composed by the action's own code: nothing is connected or recorded."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from delivery.pool import Pool
from doors.console.mail_view import MailView, view
from host.local.home import Home
from host.local.inputs import InputError
from host.local.run import LocalRun, Request, Unwatched
from smtp.content import Content

LARGEST = 32 * 1024 * 1024
"""Octets of a message that is composed to be looked at."""
MOST_KEPT = 64


@dataclass(frozen=True, slots=True)
class Preview:
    """The message, taken apart for people, and its octets."""

    sender: str
    recipients: tuple[str, ...]
    size: int
    warnings: tuple[str, ...]
    octets: bytes = field(repr=False)
    view: MailView


class NothingToShow(InputError):
    """The action sends no mail that could be looked at beforehand."""


def compose(request: Request, home: Home, pool: Pool) -> Preview:
    """Compose the request's first parameter set, as for a server that can take everything.

    Raises `NothingToShow`, and `MailError` for what is wrong with the mail.
    """
    run = LocalRun(request, home, Unwatched(), pool)
    if not run.can_prepare:
        raise NothingToShow(f"{request.action.name} sends no mail that could be looked at.")
    outgoing = run.prepare(request.parameters[0])
    message = outgoing.compose(eight_bit=True, smtputf8=request.asset.allow_smtputf8)
    try:
        octets = _collect(message.content)
    except OSError as error:
        raise InputError(f"An attachment changed while the message was composed: {error}.") from error
    return Preview(
        str(outgoing.sender),
        tuple(str(address) for address in outgoing.recipients),
        len(octets),
        tuple(message.warnings),
        octets,
        view(octets),
    )


def described(request: Request, home: Home, pool: Pool) -> dict[str, Any]:
    """What `preview email` says of the request's first parameter set. Raises `InputError`."""
    run = LocalRun(request, home, Unwatched(), pool)
    if not run.can_prepare:
        raise NothingToShow(f"{request.action.name} sends no mail that could be looked at.")
    report = run.preview(request.parameters[0])
    if not report.success:
        raise InputError(report.message)
    return report.data[0]


def _collect(content: Content) -> bytes:
    if content.size > LARGEST:
        raise InputError(
            f"The message has {content.size:,} octets; up to {LARGEST // 1024 // 1024} MiB are shown."
        )
    return b"".join(content.chunks())


class Previews:
    """The latest previews, so that a frame can show their HTML. Each has a name that nobody can guess."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Preview] = OrderedDict()

    def keep(self, preview: Preview) -> str:
        name = secrets.token_urlsafe(18)
        with self._lock:
            self._kept[name] = preview
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return name

    def get(self, name: str) -> Preview | None:
        with self._lock:
            return self._kept.get(name)

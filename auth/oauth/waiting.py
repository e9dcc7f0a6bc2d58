"""Waiting for a provider, or for another process that asks it, without making anybody who wants to stop wait for it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from auth.errors import AuthError, Step
from smtp.errors import Category

GRACE = 1.0
"""Seconds that an answer has yet once somebody wants to stop: a new refresh token in it would be lost otherwise."""
_LOOK_AGAIN = 0.1
_STOP = frozenset((signal.SIGINT, signal.SIGTERM))


def never() -> bool:
    """Nobody wants to stop."""
    return False


def done_in_time(is_cancelled: Callable[[], bool], work: Callable[..., Any], *arguments: object) -> Any:
    """Do `work` in a thread of its own, and return or raise what it does.

    Once `is_cancelled`, or a signal wants to end the process, it is waited for a moment more, and then left behind:
    an `AuthError` says so. A process can be killed at any time; the next one tries the old refresh token then, which
    is the best there is.
    """
    done = _Work(work, arguments)
    with _signals_held_back() as are_due:
        done.start()
        latest: float | None = None
        while done.is_alive() and (latest is None or time.monotonic() < latest):
            done.join(_LOOK_AGAIN)
            if latest is None and (is_cancelled() or are_due()):
                latest = time.monotonic() + GRACE
    if done.is_alive():
        text = "The action was cancelled before the provider had answered."
        raise AuthError(text, step=Step.TOKEN, category=Category.CANCELLED)
    return done.result()


class _Work(threading.Thread):
    def __init__(self, work: Callable[..., Any], arguments: tuple[object, ...]) -> None:
        super().__init__(daemon=True, name="token")
        self._work = work
        self._arguments = arguments
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._work(*self._arguments)
        except BaseException as exc:  # noqa: BLE001 - raised again in the thread that waits
            self._error = exc

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._result


@contextmanager
def _signals_held_back() -> Iterator[Callable[[], bool]]:
    """Hold back what would stop this process; yields a function that says whether anything was."""
    if threading.current_thread() is not threading.main_thread():
        yield never  # signals are the main thread's
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    try:
        yield lambda: bool(signal.sigpending() & _STOP)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

"""The signals that ask a process to stop, for as long as something else than stopping is due."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_STOP = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def first_signal(handle: Callable[[int], None]) -> Iterator[None]:
    """Within this the first SIGTERM or SIGINT is handed to `handle`; a second one does what it did before.

    Signals are the main thread's, and so is their handling: in any other this changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _STOP}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def take(number: int, _frame: object) -> None:
        restore()
        handle(number)

    for number in before:
        signal.signal(number, take)
    try:
        yield
    finally:
        restore()

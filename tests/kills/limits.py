"""Twelve processes send over one mailbox that may have 60 messages a minute, as fast as they may.

`python -m tests.kills.limits SECONDS [sqlite|postgresql]`, both by default. The server's clock is the judge: in no
minute have more come than the limit and the sixth of it that may leave at once. The exit code is 1 if more came, or too
few to say so.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from host.local.files import DATABASE_VARIABLE
from host.local.home import HOME_VARIABLE
from tests.host.processes import start
from tests.kills.postfix import new_database
from tests.support.catcher import Catcher
from tests.support.running import asset

PROCESSES, LIMIT = 12, 60
AT_ONCE = LIMIT // 6
MINUTE = 60.0

SEND = """
import json, sys, time
from smtp_connector import act
fields, seconds, name = json.loads(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
until = time.monotonic() + seconds
while time.monotonic() < until:
    act("send email", {"to": f"r{name}@example.com", "body": "x"}, fields)
"""


class Clock:
    """Notes when each message came to a catcher, to some milliseconds, inside a `with`."""

    def __init__(self, catcher: Catcher) -> None:
        self.times: list[float] = []
        self._catcher = catcher
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._is_over.wait(0.005):
            new = len(self._catcher.messages) - len(self.times)
            self.times += [time.monotonic()] * new


def most_in_a_minute(times: list[float]) -> int:
    """The most that came in any minute, wherever it begins."""
    return max((sum(begin <= one < begin + MINUTE for one in times) for begin in times), default=0)


def main(arguments: list[str]) -> int:
    seconds = float(arguments[0]) if arguments else 150.0
    is_right = True
    for kind in arguments[1:] or ["sqlite", "postgresql"]:
        with ExitStack() as stack:
            os.environ[HOME_VARIABLE] = str(Path(stack.enter_context(tempfile.TemporaryDirectory()), "data"))
            os.environ.pop(DATABASE_VARIABLE, None)
            if kind == "postgresql":
                os.environ[DATABASE_VARIABLE] = stack.enter_context(new_database())
            catcher = stack.enter_context(Catcher())
            clock = stack.enter_context(Clock(catcher))
            fields = json.dumps(asset(catcher, messages_per_minute=LIMIT, max_connections=PROCESSES))
            senders = [start(SEND, fields, seconds, number) for number in range(PROCESSES)]
            for sender in senders:
                sender.finish(seconds + 300)
        most, count = most_in_a_minute(clock.times), len(clock.times)
        sys.stdout.write(
            f"{kind}: {count} messages of {PROCESSES} processes in {seconds:.0f} s, at most {most} in any minute "
            f"(limit {LIMIT}, and {AT_ONCE} at once)\n"
        )
        sys.stdout.flush()
        is_right = is_right and LIMIT // 2 < most <= LIMIT + AT_ONCE
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A worker's machine loses its network, and gets it back when another machine has taken over what it had.

`python -m tests.kills.network [MAILS]`, 1,500 by default. The first worker reaches PostgreSQL over a way that stops
passing octets on and ends nothing, as a network does that is gone; it still reaches the mail server, which is the worst
case: what it had committed it may still send. The second one reaches both. It has to take over within a minute, nothing
may be lost or doubled, and what the first one had of it must stay with the second when the network is back. The exit
code is 1 if it was otherwise. Needs root and Debian's package postgresql.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from host.local.files import DATABASE_VARIABLE
from host.local.home import HOME_VARIABLE, Home
from tests.durable.working import add_asset, mails, number_of, submit
from tests.kills.postfix import new_database
from tests.kills.upgrade import ROOT, Machine
from tests.support.listening import Listening
from tests.support.scripted import ScriptedServer, Settings

MINUTE = 60.0
"""Seconds within which the second one has to take over."""
FAR = 300.0
"""Seconds after which something has not happened."""
STILL = 5.0
"""Seconds in which the first one has sent all that it may still send."""


class Network(Listening):
    """A way to a port of this machine, inside a `with`. While it is lost it passes nothing on and ends nothing."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._is_there = threading.Event()
        self._is_there.set()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._is_there.set()

    def lose(self) -> None:
        self._is_there.clear()

    def come_back(self) -> None:
        """What was under way arrives now."""
        self._is_there.set()

    def _connection(self, client: socket.socket) -> None:
        self._is_there.wait()
        with (
            client,
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self._target)) as server,
        ):
            back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
            back.start()
            self._pump(client, server)
            back.join()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                self._is_there.wait()
                target.sendall(data)
        self._is_there.wait()
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else 1500
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = stack.enter_context(new_database())
        os.environ[DATABASE_VARIABLE], os.environ[HOME_VARIABLE] = address, str(place / "home")
        os.environ["SMTP_CONNECTOR_KEY_FILE"] = str(place / "shared.key")
        network = stack.enter_context(Network(make_url(address).port or 0))
        server = stack.enter_context(ScriptedServer(Settings(delay=0.01, lifetime=2 * FAR)))
        home = Home()
        add_asset(home, server)
        number = number_of(submit(home, mails(count)))
        first, second = Machine(ROOT, place / "first"), Machine(ROOT, place / "second")
        first.env[DATABASE_VARIABLE] = address.replace(f":{make_url(address).port}/", f":{network.port}/")
        workers = []
        try:
            workers.append(first.worker())
            wait_for(lambda: came(server).total() >= count // 10, "the first worker to send")
            workers.append(second.worker())
            network.lose()
            lost = time.monotonic()
            time.sleep(STILL)
            sent = came(server).total()
            wait_for(lambda: came(server).total() > sent, "the second worker to take over")
            took = time.monotonic() - lost
            taken_over = states(home, number)
            wait_for(lambda: came(server).total() >= sent + count // 10, "the second worker to send")
            network.come_back()
            wait_for(lambda: home.runs.state_of(number) == "ended", "the run to end")
            # The first one lives on, and is of use again.
            workers[1].kill()
            again = number_of(submit(home, mails(10, subject="again")))
            wait_for(lambda: home.runs.state_of(again) == "ended", "the first worker to send again")
        finally:
            for worker in workers:
                worker.kill()
                worker.wait(60)
        found = faults(home, number, count, came(server))
        outcomes = Counter(mail["outcome"] for mail in home.runs.export(number))
    lines = [
        f"{count:,} mails, {sent:,} had come when the first worker's network was lost; the second one took over after "
        f"{took:.0f} s, with {taken_over['unknown']} unknown; {dict(outcomes)} when the network had come back; lost or "
        f"doubled: {len(found)}",
        *(f"  {fault}" for fault in found[:20]),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if found or took > MINUTE else 0


def came(server: ScriptedServer) -> Counter[str]:
    """How often a mail of the first run came to each recipient."""
    return Counter(
        message.recipients[0] for message in server.log.accepted if b"Subject: again" not in message.content
    )


def states(home: Home, number: int) -> Counter[str]:
    return Counter(mail.state for mail in home.runs.get(number).mails)


def faults(home: Home, number: int, count: int, came: Counter[str]) -> list[str]:
    """What must not be."""
    found = [f"{recipient} has it {times} times" for recipient, times in came.items() if times > 1]
    rows: list[dict[str, Any]] = list(home.runs.export(number))
    found += [f"there are {len(rows)} rows"] * (len(rows) != count)
    for row in rows:
        recipient = row["recipients"][0]
        if row["outcome"] not in ("sent", "unknown"):
            found.append(f"{recipient} is {row['outcome']}")
        elif row["outcome"] == "sent" and not came[recipient]:
            found.append(f"{recipient} is sent, and never came")
        elif row["outcome"] == "unknown" and not row["attempts"]:
            found.append(f"{recipient} is unknown, and was never committed")
    return found


def wait_for(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + FAR
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {FAR:.0f} s in vain for {what}")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

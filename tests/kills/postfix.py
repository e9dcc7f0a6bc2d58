"""Kills both workers of a run again and again, while it goes into a real Postfix over a way that breaks.

`python -m tests.kills.postfix KILLS MAILS [sqlite|postgresql]`, 100, 5000 and both by default. Postfix's mailbox is the
judge. Needs root and Debian's packages postfix and postgresql. The exit code is 1 when anything was lost or doubled.
"""

from __future__ import annotations

import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from host.local import database
from host.local.files import DATABASE_VARIABLE, StoreError
from host.local.home import HOME_VARIABLE, Home
from tests.durable.test_kills import Workers, workers
from tests.durable.working import let_time_pass, number_of, submit
from tests.kills.breaking import BreakingProxy
from tests.real.certificates import Certificates
from tests.real.postfix import Postfix, Service
from tests.real.postgresql import postgresql
from tests.real.processes import public_folder

RECIPIENT = "everybody@example.com"
SECONDS = 3600.0
"""After so long without an end it has failed."""


@dataclass
class Counts:
    """What became of the run: by the ledger, and by Postfix's mailbox."""

    states: Counter[str]
    came: Counter[int]
    killed: int
    amid: int
    """Kills at which some mail was committed and unanswered."""
    broken: int
    faults: list[str]


def main(arguments: list[str]) -> int:
    kills = int(arguments[0]) if arguments else 100
    mails = int(arguments[1]) if len(arguments) > 1 else 5000
    kinds = arguments[2:] or ["sqlite", "postgresql"]
    is_right = True
    for kind in kinds:
        began = time.monotonic()
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            os.environ[HOME_VARIABLE] = str(folder / "data")
            os.environ.pop(DATABASE_VARIABLE, None)
            if kind == "postgresql":
                os.environ[DATABASE_VARIABLE] = stack.enter_context(new_database())
            counts = killed_again_and_again(kills, mails)
        is_right = told(kind, mails, counts, time.monotonic() - began) and is_right
    return 0 if is_right else 1


@contextmanager
def new_database() -> Iterator[str]:
    with postgresql() as server:
        with psycopg.connect(f"{server.replace('+psycopg', '')}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE mails")
        yield f"{server}/mails"


def killed_again_and_again(kills: int, mails: int) -> Counts:
    chance = random.Random(kills * mails)
    home, service = Home(), Service()
    with public_folder("smtp-connector-") as folder:
        certificate = Certificates(folder).server("localhost")
        with (
            Postfix(
                folder, certificate, [service], domains=["example.com"], recipients=[RECIPIENT], refusals={}
            ) as postfix,
            BreakingProxy(("127.0.0.1", postfix.port(service)), chance) as proxy,
        ):
            number = submitted(home, mails, proxy.port)
            with workers() as working:
                killed, amid = kill_until_the_end(home, number, working, kills, mails, chance)
            postfix.wait_until_quiet(600.0)
            came = Counter(_numbers(folder / "mailboxes"))
            states = Counter(mail["outcome"] for mail in home.runs.export(number))
            return Counts(states, came, killed, amid, proxy.broken, faults(home, number, mails, came))


def submitted(home: Home, mails: int, port: int) -> int:
    fields = {"server": "127.0.0.1", "port": port, "ssl_config": "None", "auth_type": "Passwordless"}
    home.assets.add("prod", {**fields, "sender_address": "me@example.com", "ehlo_name": "client.example.com"})
    body = "The host was isolated, and the evidence is in the vault.\n" * 10
    sets = [{"to": RECIPIENT, "subject": f"mail {place}", "body": body} for place in range(1, mails + 1)]
    return number_of(submit(home, sets))


def kill_until_the_end(
    home: Home, number: int, working: Workers, kills: int, mails: int, chance: random.Random
) -> tuple[int, int]:
    """How often they were killed, and how often of these some mail was committed and unanswered."""
    killed = amid = 0
    ended, goal, deadline = 0, 1, time.monotonic() + SECONDS
    while home.runs.state_of(number) != "ended":
        if time.monotonic() > deadline:
            raise TimeoutError(f"the run has not ended after {SECONDS:.0f} s: {ended} of {mails} mails have")
        with suppress(
            StoreError
        ):  # of two that wait for each other's rows PostgreSQL ends one: it is done next time
            let_time_pass(home)  # what waits for another try need not wait for a minute
        ended = _count(
            home, "SELECT count(*) FROM mail WHERE state NOT IN ('waiting', 'claimed', 'committed')"
        )
        if killed < kills and ended >= goal:
            time.sleep(chance.random() * 0.1)
            working.kill()
            killed += 1
            amid += _count(home, "SELECT count(*) FROM mail WHERE state = 'committed'") > 0
            goal = ended + chance.randrange(1, max(2, 2 * mails // (kills + 40)))
        time.sleep(0.05)
    return killed, amid


def faults(home: Home, number: int, mails: int, came: Counter[int]) -> list[str]:
    """What must not be: lost or doubled mails, rows without an end, doubt about what was never committed."""
    found = [f"mail {place} came {count} times" for place, count in came.items() if count > 1]
    rows = {mail["position"]: mail for mail in home.runs.export(number)}
    found += [f"mail {place} has no row" for place in range(1, mails + 1) if place not in rows]
    for place, row in rows.items():
        if row["outcome"] == "sent" and not came[place]:
            found.append(f"mail {place} is sent, and never came")
        elif row["outcome"] not in ("sent", "unknown"):
            found.append(f"mail {place} is {row['outcome']}, and came {came[place]} times")
        elif row["outcome"] == "unknown" and not row["attempts"]:
            found.append(f"mail {place} is unknown, and was never committed")
    return found


def told(kind: str, mails: int, counts: Counts, seconds: float) -> bool:
    """Print what came of it; whether it is as it has to be."""
    is_right = not counts.faults and 3 * counts.amid >= counts.killed
    came = sum(counts.came.values())
    lines = [
        f"{kind}: {mails:,} mails, {counts.killed} kills, {counts.amid} of them between commit and answer, "
        f"{counts.broken} connections broken; {came:,} came, {dict(counts.states)}; "
        f"lost or doubled: {len(counts.faults)}; {seconds:.0f} s",
        *(f"  {fault}" for fault in counts.faults[:20]),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    return is_right


def _count(home: Home, statement: str) -> int:
    with closing(database.connect(home.folder)) as connection:
        return int(connection.execute(statement).fetchone()[0])


def _numbers(mailboxes: Path) -> Iterator[int]:
    for path in mailboxes.rglob("new/*"):
        found = re.search(rb"^Subject: mail (\d+)\r?$", path.read_bytes(), re.M)
        if found is None:
            raise ValueError(f"{path} is none of ours")
        yield int(found[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Two builds at once on one PostgreSQL: this one, and the one before its newest migration.

`python -m tests.kills.upgrade [MAILS]`, 1,200 by default. The build before, as it is in the repository's history, makes
the database, takes runs down and works; this one comes up while it does, and brings the database up to date. Nothing
may get stuck, be lost or doubled. The exit code is 1 if anything was. Needs git, root and Debian's package postgresql.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from host.local import schema
from host.local.files import DATABASE_VARIABLE
from host.local.home import HOME_VARIABLE
from tests.kills.postfix import new_database
from tests.real.processes import free_port
from tests.support.running import asset
from tests.support.scripted import ScriptedServer, Settings

ROOT = Path(__file__).resolve().parent.parent.parent
MAILBOXES = 12
"""A worker works on four at once, so that there is something left for the other one."""
SECONDS = 600.0


def build_before(folder: Path) -> str:
    """Unpack the build before the newest migration; which commit that is."""
    migration = f"host/local/migrations/versions/{schema.REVISION}.py"
    added = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", migration).decode().strip()
    archive = _git("archive", f"{added}^")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return _git("rev-parse", "--short=12", f"{added}^").decode().strip()


class Machine:
    """A build with a data folder of its own."""

    def __init__(self, build: Path, home: Path) -> None:
        self.command = [sys.executable, str(build / "smtp_connector.py")]
        self.env = {**os.environ, HOME_VARIABLE: str(home)}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def worker(self, *options: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*self.command, "worker", *options], env=self.env)


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else 1200
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ[DATABASE_VARIABLE] = stack.enter_context(new_database())
        os.environ["SMTP_CONNECTOR_KEY_FILE"] = str(place / "shared.key")
        (place / "old").mkdir()
        commit = build_before(place / "old")
        old, new = Machine(place / "old", place / "home 1"), Machine(ROOT, place / "home 2")
        servers = [
            stack.enter_context(ScriptedServer(Settings(delay=0.01, lifetime=SECONDS)))
            for _ in range(MAILBOXES)
        ]
        for number, server in enumerate(servers):
            submit(old, f"mailbox {number}", server, count // MAILBOXES, place)
        ports = [free_port(), free_port()]
        health = [("--health", f"127.0.0.1:{port}") for port in ports]
        workers = [old.worker(*health[0])]
        try:
            wait_for(lambda: sum(len(server.log.accepted) for server in servers) >= count // 20)
            workers.append(new.worker(*health[1]))
            wait_for(lambda: all(run["state"] == "ended" for run in runs_of(new)))
            shares = [sent_by(port) for port in ports]
        finally:
            for worker in workers:
                worker.terminate()
                worker.wait(60)
        came = Counter(
            (number, message.recipients[0])
            for number, server in enumerate(servers)
            for message in server.log.accepted
        )
        counts = Counter(
            state for run in runs_of(new) for state in Counter(run["progress"]["counts"]).elements()
        )
        again = old.run("worker")
    is_right = (
        counts == {"sent": count}
        and len(came) == count == came.total()
        and min(shares) > 0
        and (again.returncode, again.stderr.count("\n")) == (2, 1)
    )
    sys.stdout.write(
        f"{count:,} mails, {shares[0]:,} sent by the build before (commit {commit}) and {shares[1]:,} by this one, "
        f"which brought the database up to date meanwhile; {came.total():,} came, {dict(counts)}. "
        f"The build before, started again: exit code {again.returncode}, {again.stderr.strip()}\n"
    )
    return 0 if is_right else 1


def submit(machine: Machine, name: str, server: ScriptedServer, count: int, place: Path) -> None:
    config, rows = place / "asset.json", place / "mails.jsonl"
    config.write_text(json.dumps(asset(server)))
    rows.write_text(
        "".join(json.dumps({"to": f"r{n}@example.com", "body": "x"}) + "\n" for n in range(count))
    )
    machine.run("asset", "add", name, "--config", str(config)).check_returncode()
    machine.run("submit", "send email", "--asset", name, "--params", str(rows)).check_returncode()


def runs_of(machine: Machine) -> list[dict[str, Any]]:
    done = machine.run("runs", "list")
    runs: list[dict[str, Any]] = json.loads(done.stdout)
    return runs


def sent_by(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sum(
        int(float(line.rpartition(" ")[2]))
        for line in lines
        if line.startswith("smtp_connector_mails_total") and 'outcome="sent"' in line
    )


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError("it is stuck")
        time.sleep(0.5)


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

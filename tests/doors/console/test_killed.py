"""A console that is killed in the middle of a run, and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from host.local.home import HOME_VARIABLE, Home
from host.local.people.database import PeopleDatabase
from host.local.people.roles import Role
from host.local.people.tokens import Tokens
from tests.doors.console.conftest import wait_until
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def served(home: Home) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The console as a process: where it is, and itself."""
    process = subprocess.Popen(
        [sys.executable, "smtp_connector.py", "serve", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, HOME_VARIABLE: str(home.folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().partition("/sign-in")[0], process
    finally:
        process.kill()
        process.wait(60)
        process.stdout.close()


def test_a_run_that_was_cut_off_says_so_and_its_mail_in_flight_is_unknown(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    silent = Settings(fault=Fault(Step.END, Kind.SILENCE))
    with ScriptedServer(silent) as server:
        home.assets.add("silent", {"server": server.host, "port": server.port, "ssl_config": "None"})
        token = Tokens(PeopleDatabase(home.folder)).make("test", Role.ADMINISTRATOR)
        headers = {"ph-auth-token": token}
        mail = {"from": "soc@example.org", "to": "jane@example.com", "body": "Hello"}
        asked = {"action": "send email", "targets": [{"assets": ["silent"], "parameters": [mail, mail]}]}
        with served(home) as (base, process):
            begun = httpx2.post(f"{base}/rest/action_run", json=asked, headers=headers, timeout=60).json()
            assert begun["action_run_id"] == 1
            assert httpx2.get(f"{base}/rest/action_run/1", headers=headers).json()["status"] == "running"
            wait_until(lambda: [mail.state for mail in home.runs.get(1).mails] == ["committed", "claimed"])
            process.send_signal(signal.SIGKILL)
            process.wait(60)
        with served(home) as (base, _process):
            run = httpx2.get(f"{base}/rest/action_run/1", headers=headers).json()
            assert run["status"] == "failed"
            assert "ended before the run did" in run["message"]
            (told,) = httpx2.get(
                f"{base}/rest/action_run/1/app_runs?include_expensive=true", headers=headers
            ).json()["data"]
    first, second = told["result_data"]
    assert "may have been delivered" in first["message"]
    assert "Nothing was sent" in second["message"]
    assert home.runs.unknown() == ((1, 1),)

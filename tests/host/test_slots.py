"""The connections that all processes of a machine may have to one account at once."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from host.local.files import StoreError
from host.local.locks import MachineSlots
from tests.host.processes import start
from tests.support.ledgers import ASSET
from tests.support.running import asset
from tests.support.scripted import ScriptedServer, Settings

HOLD = """
import sys
from pathlib import Path
from host.local.locks import MachineSlots
from tests.support.ledgers import ASSET
slots = [MachineSlots(Path(sys.argv[1])).take(ASSET) for _ in range(4)]
print([slot is not None for slot in slots], flush=True)
sys.stdin.read()
"""


def test_a_machine_has_as_many_as_the_asset_says_and_a_killed_process_gives_its_own_back(
    tmp_path: Path,
) -> None:
    other = start(HOLD, tmp_path)
    assert other.process.stdout is not None
    assert other.process.stdout.readline() == "[True, True, True, False]\n"
    slots = MachineSlots(tmp_path)
    assert slots.take(ASSET) is None
    assert slots.take(ASSET._replace(login=ASSET.login._replace(username="another"))) is not None
    other.process.kill()
    other.finish()
    mine = slots.take(ASSET)
    assert mine is not None


def test_one_that_is_given_back_can_be_taken_again(tmp_path: Path) -> None:
    slots = MachineSlots(tmp_path)
    one = ASSET._replace(max_connections=1)
    first = slots.take(one)
    assert first is not None
    assert slots.take(one) is None
    first.free()
    assert slots.take(one) is not None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "slots").touch()
    with pytest.raises(StoreError, match="slots"):
        MachineSlots(tmp_path).take(ASSET)


SEND = """
import json, sys
from smtp_connector import act
mails = [{"to": f"r{n}@example.com", "body": "x"} for n in range(5)]
print([one.outcome for one in act("send email", mails, json.loads(sys.argv[1]))])
"""


def test_processes_never_have_more_connections_than_the_account_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_CONNECTOR_HOME", str(tmp_path / "data"))
    with ScriptedServer(Settings(delay=0.01)) as server:
        fields = json.dumps(asset(server, max_connections=2))
        most, ended = 0, threading.Event()

        def watch() -> None:
            nonlocal most
            while not ended.is_set():
                most = max(most, sum(one.name.startswith("connection") for one in threading.enumerate()))
                time.sleep(0.002)

        watcher = threading.Thread(target=watch)
        watcher.start()
        senders = [start(SEND, fields) for _ in range(5)]
        told = [sender.finish().stdout for sender in senders]
        ended.set()
        watcher.join()
    assert told == [f"{['sent'] * 5}\n"] * 5
    assert 1 <= most <= 3  # the server notices the end of a connection a moment after the client

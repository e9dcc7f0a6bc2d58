"""One sender of the soak, in a process of its own: action runs, one after the other, until the time is up.

`python -m tests.soak.worker` reads its orders from standard input as JSON (see `Orders`) and writes one JSON
object a line: for each message its id, its recipients and what became of them, or, after each run, how many
files are open and how much memory is in use.
"""

from __future__ import annotations

import functools
import gc
import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

from delivery import transport
from smtp.options import Timeouts
from smtp_connector import SmtpConnector
from tests.soak.proxy import FILLER

PATIENCE = 5
"""Seconds for a reply, also the one to a whole message: a stalled connection is to cost no ten minutes here."""
ACTIONS = ("send_email", "send_htmlemail", "send_rawemail")
MOST_SETS = 8
LARGEST = 300_000
CHECKSUM = "X-Checksum"
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Orders:
    """`assets` are asset fields, a way to the server each; `refused` are recipients that it takes nothing for.

    `ways` says of each asset how its messages travel: BDAT or DATA.
    """

    seed: str
    seconds: float
    assets: list[Fields]
    ways: list[str]
    recipients: list[str]
    refused: list[str]


def messages(orders: Orders, chance: random.Random) -> tuple[str, list[Fields]]:
    """An action and its parameter sets. Every body is of lines that tell whether they are as they were."""
    action = chance.choice(ACTIONS)
    return action, [_parameters(action, orders, chance) for _ in range(chance.randint(1, MOST_SETS))]


def _parameters(action: str, orders: Orders, chance: random.Random) -> Fields:
    to = chance.sample(orders.recipients, chance.randint(1, 3))
    if chance.random() < 0.2:
        to.insert(chance.randrange(len(to) + 1), chance.choice(orders.refused))
    lines = int(LARGEST ** chance.random()) // 70
    body = "\n".join([".", "..", f"{chance.random()}", *[(FILLER * 60).decode()] * lines])
    checksum = sha256(body.encode()).hexdigest()
    if action == "send_rawemail":
        identity = f"{chance.getrandbits(96):x}.soak@example.com"
        head = (
            f"From: soak@example.com\nTo: {', '.join(to)}\nMessage-ID: <{identity}>\n{CHECKSUM}: {checksum}\n"
        )
        return {"raw_email": f"{head}\n{body}"}
    given = {"to": ", ".join(to), "subject": "soak", "headers": json.dumps({CHECKSUM: checksum})}
    if action == "send_htmlemail":
        return given | {"html_body": "<p>soak", "text_body": body}
    return given | {"body": body}


def run(action: str, asset: Fields, parameters: list[Fields]) -> Iterator[Fields]:
    """What became of each message: its id, "" where it was not even composed, and a status for each recipient."""
    order = {"identifier": action, "asset_id": "1", "config": asset, "parameters": parameters}
    connector = SmtpConnector()
    connector.show_progress = lambda text: None
    document = json.loads(connector._handle_action(json.dumps(order), None))
    for result in document["result_data"]:
        (data,) = result["data"]
        yield {
            "message_id": data["message_id"],
            "statuses": {entry["address"]: entry["status"] for entry in data["recipients"]},
            "said": result["message"],
        }


def resources() -> Fields:
    """Open files, and KiB of resident memory."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    (memory,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return {"files": len(list(Path("/proc/self/fd").iterdir())), "memory": int(memory)}


def main() -> None:
    orders = Orders(**json.load(sys.stdin))
    chance = random.Random(orders.seed)
    shorter = functools.partial(Timeouts, end_of_message=PATIENCE)
    end = time.monotonic() + orders.seconds
    with patch.object(transport, "Timeouts", shorter):
        while time.monotonic() < end:
            action, parameters = messages(orders, chance)
            number = chance.choice(range(len(orders.assets)))
            told = [
                said | {"way": orders.ways[number]} for said in run(action, orders.assets[number], parameters)
            ]
            for said in (*told, resources()):
                sys.stdout.write(json.dumps(said) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()

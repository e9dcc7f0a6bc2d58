"""A long run through a real Postfix and a proxy that spoils connections: `python -m tests.soak [SECONDS] [SEED]`.

The Message-IDs in the mailboxes are the judge. Beside it, servers with habits get runs of mails, and their own logs
are the judges. Exit code 1 when a message was lost, doubled or falsely said not to have been sent, when more was in
doubt by BDAT than by DATA, and when open files or memory grew.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.real.certificates import Certificates
from tests.real.connector import Fields, asset, switches
from tests.real.people import DOMAINS, MAILBOXES, REFUSALS, UNKNOWN
from tests.real.postfix import Postfix, Service
from tests.real.processes import public_folder
from tests.soak.account import MORE_FILES, MORE_MEMORY, Account, growth
from tests.soak.habits import play_habits
from tests.soak.proxy import Proxy
from tests.soak.worker import PATIENCE, Orders

SECONDS = 120.0
WORKERS = 3
_SERVICES = (
    Service(),
    Service(without=("chunking",)),
    Service(without=("chunking", "pipelining")),
    Service(recipient_limit=2),
    Service(tls="starttls"),
    Service(tls="starttls", without=("chunking",)),
    Service(tls="ssl"),
    Service(tls="ssl", recipient_limit=2),
)


def soak(seconds: float, seed: int, postfix: Postfix, certificates: Certificates) -> int:
    """Run the workers, wait until the mail is delivered, and settle the account."""
    with ExitStack() as stack:
        proxies = [
            stack.enter_context(
                Proxy(postfix.port(service), f"{seed} {number}", encrypted=service.tls == "ssl")
            )
            for number, service in enumerate(_SERVICES)
        ]
        patience = {"read_timeout": PATIENCE, "connection_timeout": PATIENCE, "auth_type": "Passwordless"}
        assets: list[Fields] = [
            asset(proxy.port, service.tls, certificates, **switches(service), **patience)
            for proxy, service in zip(proxies, _SERVICES, strict=True)
        ]
        ways = ["DATA" if "chunking" in service.without else "BDAT" for service in _SERVICES]
        orders = [
            Orders(f"{seed} {number}", seconds, assets, ways, list(MAILBOXES[:20]), [*REFUSALS, UNKNOWN])
            for number in range(WORKERS)
        ]
        with ThreadPoolExecutor(1) as thread:
            habits = thread.submit(play_habits, seconds, f"{seed} habits")
            said = _said_by_workers(orders, seconds)
            played = habits.result()
        troubles = sum((proxy.troubles for proxy in proxies), Counter[str]())
    postfix.wait_until_quiet()
    account = Account()
    account.settle(
        [one for lines in said for one in lines if "statuses" in one], postfix.mailboxes.everything()
    )
    grown = [growth([one for one in lines if "files" in one]) for lines in said]
    files, memory = max(files for files, _ in grown), max(memory for _, memory in grown)
    for line in account.examples[:20]:
        _say(line)
    _say("troubles: " + ", ".join(f"{trouble} {times}" for trouble, times in sorted(troubles.items())))
    _say(f"seed={seed} {account} more_files={files} more_memory_kib={memory}")
    for line in played.lines():
        _say(line)
    wrong = account.wrong or played.wrong or not account.messages
    return 1 if wrong or files > MORE_FILES or memory > MORE_MEMORY else 0


def _said_by_workers(orders: Sequence[Orders], seconds: float) -> list[list[Fields]]:
    """The lines of every worker. Raises `CalledProcessError` when one has failed."""
    with public_folder("soak-") as folder, ExitStack() as stack:
        started = [
            stack.enter_context(_worker(order, folder / f"{number}")) for number, order in enumerate(orders)
        ]
        for worker in started:
            code = worker.wait(timeout=seconds + 120)
            if code:
                raise subprocess.CalledProcessError(code, worker.args)
        return [list(_lines(folder / f"{number}")) for number in range(len(orders))]


@contextmanager
def _worker(orders: Orders, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with path.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.worker"], stdin=subprocess.PIPE, stdout=output
        )
    try:
        assert worker.stdin is not None
        worker.stdin.write(json.dumps(asdict(orders)).encode())
        worker.stdin.close()
        yield worker
    finally:
        worker.kill()
        worker.wait()


def _lines(path: Path) -> Iterator[Fields]:
    return map(json.loads, path.read_text().splitlines())


def main(arguments: Sequence[str]) -> int:
    seconds = float(arguments[0]) if arguments else SECONDS
    seed = int(arguments[1]) if len(arguments) > 1 else 0
    seed = seed or random.SystemRandom().randrange(1, 2**31)
    with public_folder("smtp-connector-") as folder:
        certificates = Certificates(folder)
        (folder / "postfix").mkdir()
        pair = certificates.server("localhost", "127.0.0.1")
        with Postfix(
            folder / "postfix", pair, _SERVICES, domains=DOMAINS, recipients=MAILBOXES, refusals=REFUSALS
        ) as postfix:
            return soak(seconds, seed, postfix, certificates)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

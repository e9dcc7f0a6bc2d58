"""The judge of the soak judged: it sees what must not happen, and nothing else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from hashlib import sha256

import pytest

from tests.real.mailboxes import Delivered
from tests.soak.account import Account, growth
from tests.soak.proxy import FILLER, Plan, Proxy, Trouble, plan

ANN, BOB = "ann@example.com", "bob@example.com"
TEXT = b"hello\n"
CHECKSUM = sha256(TEXT.removesuffix(b"\n")).hexdigest()


def mail(number: int, text: bytes = TEXT) -> Delivered:
    head = f"Message-ID: <{number}@x>\nX-Checksum: {CHECKSUM}\n\n".encode()
    return Delivered((head + text).replace(b"\n", b"\r\n"), {})


def claim(number: int, **statuses: str) -> Mapping[str, object]:
    return {
        "message_id": f"<{number}@x>",
        "statuses": {f"{name}@example.com": status.replace("_", " ") for name, status in statuses.items()},
        "said": "",
    }


def test_what_was_said_and_is_so_is_right() -> None:
    account = Account()
    claims = [
        claim(1, ann="accepted", bob="refused"),
        claim(2, ann="unknown", bob="unknown"),
        claim(3, ann="not_tried"),
    ]
    account.settle(claims, [(ANN, mail(1)), (ANN, mail(2))])
    assert not account.wrong
    assert (account.messages, account.delivered, account.corrupt) == (3, 2, 0)


@pytest.mark.parametrize(
    ("status", "times", "wrong"),
    [
        ("accepted", 0, "lost"),
        ("accepted", 2, "doubled"),
        ("unknown", 2, "doubled"),
        ("refused", 1, "false_not_sent"),
        ("not_tried", 1, "false_not_sent"),
    ],
)
def test_what_is_not_so_is_found(status: str, times: int, wrong: str) -> None:
    account = Account()
    account.settle([claim(1, ann=status)], [(ANN, mail(1))] * times)
    assert dict(account.wrong) == {wrong: 1}


def test_mail_that_nobody_spoke_of_is_found() -> None:
    account = Account()
    account.settle([claim(1, ann="accepted")], [(ANN, mail(1)), (BOB, mail(1)), (ANN, mail(7))])
    assert dict(account.wrong) == {"unaccounted": 2}


def test_a_text_that_changed_on_its_way_is_counted() -> None:
    account = Account()
    account.settle([claim(1, ann="accepted")], [(ANN, mail(1, b"hallo\n"))])
    assert (account.corrupt, dict(account.wrong)) == (1, {})


def test_growth_is_what_comes_after_warming_up() -> None:
    samples = [{"files": files, "memory": 10 * files} for files in (3, 9, 9, 9, 9, 9, 9, 12)]
    assert growth(samples) == (3, 30)


def test_the_same_seed_makes_the_same_troubles() -> None:
    plans = [plan(f"1 {number}") for number in range(200)]
    assert plans == [plan(f"1 {number}") for number in range(200)]
    assert {one.trouble for one in plans} == set(Trouble)
    assert plans != [plan(f"2 {number}") for number in range(200)]


@pytest.fixture
def echo() -> int:
    """The port of a server that gives back what it gets, once."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as connection:
            while data := connection.recv(100):
                connection.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("planned", "expected"),
    [
        (Plan(Trouble.NONE, True, 0), b"250 ok " + FILLER * 8),
        (Plan(Trouble.CLOSE, True, 0), b""),
        (Plan(Trouble.CLOSE, False, 5), b"250 o"),
        (Plan(Trouble.CORRUPT, True, 0), b"250 ok #" + FILLER * 7),
        (Plan(Trouble.CORRUPT, False, 1), b"2*0 ok " + FILLER * 8),
    ],
)
def test_the_proxy_does_what_is_planned(
    echo: int, planned: Plan, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.soak.proxy.plan", lambda seed: planned)
    with Proxy(echo, "1", encrypted=False) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client:
            client.sendall(b"250 ok " + FILLER * 8)
            got = client.recv(len(expected) or 1, socket.MSG_WAITALL)
        assert got == expected
        assert sum(proxy.troubles.values()) == (planned.trouble is not Trouble.NONE)

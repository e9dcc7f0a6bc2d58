"""A second message hidden in the first: behind something that a sloppy server takes for its end."""

from __future__ import annotations

import pytest

from smtp.content import CHUNK_SIZE, Octets
from smtp.envelope import Address, Envelope
from smtp.options import Options, Timeouts
from smtp.outcome import Outcome
from smtp.session import Session
from tests.support.running import Runner, asset
from tests.support.scripted import ScriptedServer, Settings

ENDS = (
    "\n.\n",
    "\r.\r",
    "\n.\r\n",
    "\r\n.\r",
    "\r\n.\n",
    "\r.\n",
    "\n.\r",
    "\r\n.\r\n",
    "\n\r.\r\n",
    "\r\n\x00.\r\n",
)
SECOND = (
    "MAIL FROM:<boss@example.com>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\nSubject: pay\r\n\r\nnow\r\n.\r\n"
)
SLOPPY = tuple(end.encode() for end in ENDS if "\x00" not in end)


def lenient(*, chunking: bool = False) -> ScriptedServer:
    """A server that takes any of these for the end of a message."""
    return ScriptedServer(Settings(ends=SLOPPY, pipelining=False, chunking=chunking))


def tricks(end: str) -> str:
    return f"hello{end}{SECOND}"


@pytest.mark.parametrize("end", [end for end in ENDS if "\x00" not in end], ids=repr)
@pytest.mark.parametrize("action", ["body", "html", "raw"])
def test_a_sloppy_server_sees_one_message(run: Runner, end: str, action: str) -> None:
    identifier, parameters = {
        "body": ("send_email", {"to": "bob@example.com", "subject": "hi", "body": tricks(end)}),
        "html": (
            "send_htmlemail",
            {"to": "bob@example.com", "html_body": "<p>x</p>", "text_body": tricks(end)},
        ),
        "raw": (
            "send_rawemail",
            {"raw_email": f"From: a@example.com\r\nTo: bob@example.com\r\n\r\n{tricks(end)}"},
        ),
    }[action]
    with lenient() as server:
        run(identifier, asset(server), parameters)
        server.wait_until_served()
    assert [accepted.recipients for accepted in server.log.accepted] in ([("bob@example.com",)], [])
    assert not any(b"victim" in line for _, line in server.log.commands)
    assert server.log.violations == []


@pytest.mark.parametrize("chunking", [False, True])
@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_an_end_that_is_cut_between_two_writes_is_none(end: str, chunking: bool) -> None:
    envelope = Envelope(Address("a", "example.com"), (Address("bob", "example.com"),))
    with lenient(chunking=chunking) as server:
        for before in range(len(end) + 2):
            head = b"Subject: long\r\n\r\n"
            padding = b"x" * 70 + b"\r\n"
            lines = padding * ((CHUNK_SIZE - len(head)) // len(padding) - 1)
            rest = CHUNK_SIZE - before - len(head) - len(lines)
            content = Octets(head + lines + b"y" * rest + tricks(end).encode())
            with Session.connect(server.host, server.port, Options(Timeouts(reply=5.0))) as session:
                session.hello("client.test")
                assert session.send(envelope, content).outcome is Outcome.SENT
    assert {accepted.recipients for accepted in server.log.accepted} == {("bob@example.com",)}
    assert len(server.log.accepted) == len(end) + 2

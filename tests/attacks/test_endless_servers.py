"""A server that never comes to an end, or says far too much, to use up our memory or our time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.authority import authority
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 1.0
"""Seconds that the client allows for a reply."""
PATIENCE = 6.0
"""Seconds until the client must have given up: what it allows, at each of its steps, on a busy machine."""
MEMORY = 32 * 1024
"""KiB that it may need for that beyond what it needs anyway."""
CLIENT = """
import json, resource, sys, time
from smtp.options import Options, Timeouts
from smtp.content import Octets
from smtp.envelope import Address, Envelope
from smtp.errors import SmtpError
from smtp.sasl.credentials import PasswordCredentials
from smtp.session import Session
from smtp.tls import TlsSettings, make_context
port, tls, timeout, authority = json.loads(sys.argv[1])
context = make_context(TlsSettings(authorities=authority))
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
outcome = "failed"
options = Options(Timeouts(timeout, timeout, timeout), implicit_tls=tls == "ssl", context=context)
try:
    with Session.connect("127.0.0.1", port, options) as session:
        session.hello("client.test")
        if tls == "starttls":
            session.start_tls()
            session.hello("client.test")
        if session.extensions.auth:
            session.authenticate(PasswordCredentials("ann", "canary"))
        envelope = Envelope(Address("a", "example.com"), (Address("b", "example.com"),))
        outcome = session.send(envelope, Octets(b"Subject: x\\r\\n\\r\\nx\\r\\n")).outcome.value
except SmtpError as error:
    outcome = "not sent"
print(json.dumps([outcome, time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before]))
"""

FOR_EVER = {
    "lines without an end": (Kind.ENDLESS, b""),
    "a line without an end": (Kind.DRIP, b"250-" + b"x" * 100_000),
    "a huge line": (Kind.SAYS, b"250 " + b"x" * 64 * 1024 * 1024),
    "a huge number of lines": (Kind.SAYS, b"250-x\r\n" * 4 * 1024 * 1024),
    "empty lines": (Kind.SAYS, b"\r\n" * 4 * 1024 * 1024),
}


STEPS = (Step.BANNER, Step.EHLO, Step.AUTH, Step.RCPT, Step.END, Step.QUIT)
# Each is a process of its own: every second combination, like the fields of one colour on a chess board.
PAIRS = [(step, what) for i, step in enumerate(STEPS) for j, what in enumerate(FOR_EVER) if (i + j) % 2 == 0]


@pytest.mark.parametrize(("step", "what"), PAIRS)
def test_the_client_gives_up_in_time_and_in_little_memory(step: Step, what: str) -> None:
    kind, reply = FOR_EVER[what]
    auth = ("PLAIN",) if step is Step.AUTH else ()
    fault = Fault(step, kind, reply=reply, acted=False)
    settings = Settings(fault=fault, auth=auth, logins={"ann": "canary"}, drip=0.01, pipelining=False)
    outcome, seconds, memory = client(settings)
    assert outcome == {Step.END: "unknown", Step.QUIT: "sent"}.get(step, "not sent")
    assert seconds < PATIENCE
    assert memory < MEMORY


@pytest.mark.parametrize("tls", ["starttls", "ssl"])
def test_a_handshake_that_does_not_go_on_is_given_up(tls: str) -> None:
    outcome, seconds, _ = client(Settings(tls=tls, fault=Fault(Step.TLS, Kind.SILENCE)))
    assert outcome == "not sent"
    assert seconds < PATIENCE


def client(settings: Settings) -> tuple[str, float, int]:
    """Outcome, seconds and KiB of a client of its own process."""
    with ScriptedServer(settings) as server:
        arguments = json.dumps([server.port, settings.tls, TIMEOUT, authority().pem])
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=30,
            check=True,
        )
    outcome, seconds, memory = json.loads(done.stdout)
    return outcome, seconds, memory

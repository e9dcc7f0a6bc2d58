"""What a server says is shown to people: it can't act on their terminal, reorder what they read, or fill the screen."""

from __future__ import annotations

import unicodedata

import pytest

from tests.support.running import Runner, asset
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

MAIL = {"to": ["a@example.com", "b@example.com"], "body": "x"}
HOSTILE = [
    b"\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J",
    "\u202egnp.exe \u2066x\u2069 \u200bhidden\u200f \ufeff".encode(),
    b"<img src=x onerror=alert(1)><script>alert(1)</script>",
    b"{} {0} {x.__class__} {{ }} %s %(x)s %n",
    b"line\x0bline\x0cline\x85line\x00nul\x08\x08\x08",
    "line\u2028line\u2029line".encode(),
    b"\xff\xfe not utf-8 \xc3\x28",
    b"x" * 5000,
]
LONGEST = 600


def fit_to_be_shown(text: str) -> bool:
    return not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in text)


@pytest.mark.parametrize("said", HOSTILE)
@pytest.mark.parametrize("step", [Step.BANNER, Step.EHLO, Step.MAIL, Step.RCPT, Step.END])
def test_in_a_refusal(run: Runner, step: Step, said: bytes) -> None:
    fault = Fault(step, Kind.SAYS, reply=b"550 5.7.1 " + said + b"\r\n", acted=False)
    with ScriptedServer(Settings(fault=fault)) as server:
        done = run("send_email", asset(server), MAIL)
    texts = [done.message, *done.progress, done.document["message"]]
    if "failure" in done.data:
        texts.append(done.failure["reply"])
    texts += [recipient["reply"] for recipient in done.data["recipients"]] + [done.data["server_reply"]]
    assert all(fit_to_be_shown(text) for text in texts)
    assert all(len(text) < 2500 for text in texts)


@pytest.mark.parametrize("said", HOSTILE)
def test_in_a_success(run: Runner, said: bytes) -> None:
    fault = Fault(Step.END, Kind.SAYS, reply=b"250 2.0.0 queued as " + said + b"\r\n")
    with ScriptedServer(Settings(fault=fault)) as server:
        done = run("send_email", asset(server), MAIL)
    assert done.message == "Email sent"
    assert fit_to_be_shown(done.data["server_reply"])
    assert len(done.data["server_reply"]) < LONGEST
    assert fit_to_be_shown(done.data["queue_id"])
    assert len(done.data["queue_id"]) < LONGEST


@pytest.mark.parametrize("said", HOSTILE[:-1])
def test_in_what_it_offers(run: Runner, said: bytes) -> None:
    reply = b"250-" + said + b" hi\r\n250-X-" + said + b"\r\n250-AUTH " + said + b"\r\n250 SIZE\r\n"
    with ScriptedServer(Settings(fault=Fault(Step.EHLO, Kind.SAYS, reply=reply))) as server:
        done = run("send_email", asset(server), MAIL)
    assert done.message == "Email sent"
    assert all(fit_to_be_shown(text) for text in done.progress)


def test_on_the_terminal_of_the_command_line(run: Runner) -> None:
    said = b" ".join(HOSTILE[:5])
    fault = Fault(Step.MAIL, Kind.SAYS, reply=b"550 5.7.1 " + said + b"\r\n", acted=False)
    with ScriptedServer(Settings(fault=fault)) as server:
        done = run.command(
            "run", "send email", "--params", '{"to": "a@example.com", "body": "x"}', file=asset(server)
        )
    assert done.code == 1
    assert all(fit_to_be_shown(line) for line in (done.stdout + done.stderr).split("\n"))


def test_braces_in_a_reply_are_neither_filled_in_nor_doubled(run: Runner) -> None:
    fault = Fault(Step.MAIL, Kind.SAYS, reply=b"550 5.7.1 {0} {{x}} %s\r\n", acted=False)
    with ScriptedServer(Settings(fault=fault)) as server:
        done = run("send_email", asset(server), MAIL)
    assert "550 5.7.1 {0} {{x}} %s" in done.message

"""Two hundred mails in one action run, at servers that others wrote: the results are what their mailboxes hold.

A seventh of the recipients is refused. The mails have from 400 octets to 3 MB, and in each body stand commands that
would send another mail if a server took the content of a refused mail for its own dialogue.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import pytest

from tests.real.certificates import Certificates
from tests.real.connector import SENDER, Run, act, asset
from tests.real.exim import Exim
from tests.real.mailboxes import Mailboxes
from tests.real.people import DEFERRED, MEMBERS, PRESENT, REFUSED
from tests.real.postfix import Postfix
from tests.real.services import DEFAULT_LIMITS

COUNT = 200
SERVERS = ("postfix", "exim", "opensmtpd", "haraka", "nodemailer", "aiosmtpd")
FORGED = f"""\
RSET
MAIL FROM:<ceo@example.com>
RCPT TO:<{PRESENT[0]}>
DATA
Message-ID: <forged.{{message_id}}>

This was never sent.
.
"""


@dataclass(frozen=True)
class Mail:
    """A mail as it is meant to arrive, and for whom."""

    message_id: str
    content: str
    recipients: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where mail is sent, and where it has arrived once `wait_until_quiet` returns."""

    port: int
    mailboxes: Mailboxes
    wait_until_quiet: Callable[[], None]


@pytest.fixture(params=SERVERS)
def place(request: pytest.FixtureRequest) -> Place:
    server = request.getfixturevalue(request.param)
    match request.param:
        case "postfix":
            port = server.port(DEFAULT_LIMITS)
        case "exim":
            port = server.ports["plain"]
        case _:
            port = server.port
    return Place(port, server.mailboxes, server.wait_until_quiet)


@pytest.mark.parametrize("window", [1, 20])
def test_the_results_are_what_the_mailboxes_hold(
    place: Place, certificates: Certificates, window: int
) -> None:
    tag = f"{place.port}.{window}"
    mails = [_mail(number, tag, recipients) for number, recipients in enumerate(_recipients(REFUSED))]
    run = _send(mails, place.port, certificates, window)
    for mail, result in zip(mails, run.results, strict=True):
        (data,) = result["data"]
        assert [(r["address"], r["status"]) for r in data["recipients"]] == [
            (address, "accepted" if address in PRESENT else "refused") for address in mail.recipients
        ], result["message"]
    place.wait_until_quiet()
    _hold(place.mailboxes, mails, tag, PRESENT)


@pytest.mark.parametrize("window", [1, 20])
def test_a_421_that_does_not_close_speaks_for_one_recipient_only(
    exim: Exim, certificates: Certificates, window: int
) -> None:
    """Exim says it for a recipient that it defers, and accepts the message for the others."""
    tag = f"{exim.ports['plain']}.421.{window}"
    mails = [_mail(number, tag, recipients) for number, recipients in enumerate(_recipients(DEFERRED))]
    run = _send(mails, exim.ports["plain"], certificates, window)
    for mail, result in zip(mails, run.results, strict=True):
        (data,) = result["data"]
        for address, told in zip(mail.recipients, data["recipients"], strict=True):
            statuses = ("accepted",) if address in PRESENT else ("refused", "not tried")
            assert told["status"] in statuses, result["message"]
            assert told["retryable"] == (address in DEFERRED)
    exim.wait_until_quiet()
    _hold(exim.mailboxes, mails, tag, PRESENT)


def test_a_mail_for_more_than_the_server_takes_at_once_reaches_everybody_once(
    postfix: Postfix, certificates: Certificates
) -> None:
    mail = _mail(1, "members", MEMBERS)
    run = _send([mail], postfix.port(DEFAULT_LIMITS), certificates, 1)
    assert run.result["message"] == "Email sent"
    assert run.result["summary"] == {"recipients": 2500, "accepted": 2500, "refused": 0}
    postfix.wait_until_quiet()
    _hold(postfix.mailboxes, [mail], "members", MEMBERS)


def _recipients(absent: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Those of each mail: one, and seven for every tenth. Of all of them a seventh is out of `absent`."""
    turns = count()
    for number in range(COUNT):
        chosen = [next(turns) for _ in range(1 if number % 10 else 7)]
        yield tuple(
            absent[turn // 7 % len(absent)] if turn % 7 == 3 else PRESENT[turn % len(PRESENT)]
            for turn in chosen
        )


def _mail(number: int, tag: str, recipients: tuple[str, ...]) -> Mail:
    message_id = f"{number}.{tag}@example.com"
    text = "".join(f"{random.Random(number).randbytes(38).hex()}\n" for _ in range(_octets(number) // 77))
    lines = (
        f"From: {SENDER}",
        f"To: {recipients[0]}",
        f"Subject: Number {number}",
        "Date: Thu, 1 Oct 2026 10:00:00 +0000",
        f"Message-ID: <{message_id}>",
        "",
        ".",
        FORGED.format(message_id=message_id),
        f"{text}..",
        "the end",
        "",
    )
    return Mail(message_id, "\n".join(lines).replace("\n", "\r\n"), recipients)


def _octets(number: int) -> int:
    """Of the text of a mail, about: little for most, and much for some."""
    if number in (60, 140):
        return 3_000_000
    return 300_000 if number % 25 == 0 else 30_000 if number % 5 == 0 else 0


def _send(mails: Sequence[Mail], port: int, certificates: Certificates, window: int) -> Run:
    fields = asset(port, "plain", certificates, window=window)
    return act("send_rawemail", fields, *({"raw_email": _addressed(mail)} for mail in mails))


def _addressed(mail: Mail) -> str:
    """The mail with the further recipients in a Bcc field, which is not sent."""
    further = ",\r\n ".join(mail.recipients[1:])
    return f"Bcc: {further}\r\n{mail.content}" if further else mail.content


def _hold(mailboxes: Mailboxes, mails: Sequence[Mail], tag: str, owners: Sequence[str]) -> None:
    """The mailboxes of all `owners` hold each mail once for each of its recipients who has one, and nothing else."""
    contents = {mail.message_id: mail.content.encode() for mail in mails}
    meant = Counter(
        (owner, mail.message_id) for mail in mails for owner in mail.recipients if owner in owners
    )
    found: Counter[tuple[str, str]] = Counter()
    for owner in owners:
        for delivered in mailboxes.holding(owner, f".{tag}@example.com>"):
            message_id = delivered.message["Message-ID"].strip("<>")
            found[owner, message_id] += 1
            assert delivered.content == contents.get(message_id), (
                f"{message_id} came otherwise than it was sent"
            )
    assert found == meant

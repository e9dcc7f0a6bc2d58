"""Servers with habits that are no fault of a moment: each gets a run of mails by BDAT and by DATA.

What is in doubt by BDAT must not be more than by DATA, where an answer can't be taken for another one's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from smtp.options import Timeouts
from smtp.outcome import Status
from tests.faults.judge import Judgement
from tests.support.scripted import Behind, Fault, Kind, ScriptedServer, Settings, Step
from tests.support.sending import Sending, mail, statuses

NO = "550 5.1.1 no such user"
LATER = "421 4.2.1 not now"
CHUNK = b"250 2.0.0 that was the chunk\r\n"


@dataclass(frozen=True, slots=True)
class Mails:
    """The mails of a run: how many, to how many recipients each, and which of them have one that is refused."""

    count: int = 30
    recipients: int = 2
    first: int = 3
    step: int = 7
    lines: int = 1
    """How long each body is, in lines of 72 octets."""
    enough: int = 4
    """After how many messages a server closes."""

    def refused(self, how_many: int) -> Mapping[str, str]:
        """What is answered to the first so many recipients of each mail that has refused ones."""
        return {
            f"r{index}.m{number}@example.test": NO
            for number in range(self.first, self.count, self.step)
            for index in range(how_many)
        }

    def put_off(self) -> Mapping[str, str]:
        """What is answered to the last recipients of some mails."""
        return {
            f"r{self.recipients - 1}.m{number}@example.test": LATER
            for number in range(self.first + 1, self.count, self.step + 2)
        }


def habits(mails: Mails) -> Mapping[str, Mapping[str, Any]]:
    """What the server of each habit is set to, for these mails."""
    some, whole = mails.refused(1), mails.refused(mails.recipients)
    closes = {"closes_after": mails.enough}
    with_a_word = {"closes_with": b"421 4.7.0 enough\r\n"}
    return {
        "none": {},
        "some recipients refused": {"refused": some},
        "all recipients of some refused": {"refused": whole},
        "a chunk is not passed over": {"keeps_chunks": True, "refused": whole},
        "two answers, the message's first": {"says_behind_end": CHUNK, "refused": whole},
        "two answers, the message's last": {"says_before_end": CHUNK, "refused": whole},
        "two answers, some refused": {"says_before_end": CHUNK, "refuses_every": 5},
        "every fifth refused": {"refuses_every": 5},
        **{
            f"every fifth refused, and behind it the server {behind}": {
                "refuses_every": 5,
                "behind_refused": behind,
            }
            for behind in Behind
            if behind is not Behind.FORGETS
        },
        "421 to a recipient, and on it goes": {"refused": mails.put_off()},
        "421 to a recipient, and then a break": {
            "refused": mails.put_off(),
            "fault": Fault(Step.END, Kind.CLOSE, nth=5, acted=True),
        },
        "closes after 1": {"closes_after": 1},
        "closes after some": closes,
        "closes after 1, with a word": {"closes_after": 1, **with_a_word},
        "closes after some, with a word": {**closes, **with_a_word},
        "one recipient at a time": {"max_recipients": 1, "max_errors": 20},
        "LIMITS of one and one": {"limits": "MAILMAX=1 RCPTMAX=1"},
        "some errors are enough": {"refused": whole, "max_errors": 2 * mails.recipients},
        "VRFY says yes": {"vrfy": b"250 2.1.5 yes\r\n"},
        "VRFY is not known": {"vrfy": b"500 5.5.1 what\r\n"},
        "VRFY ends the connection": {"vrfy": b"421 4.7.0 go away\r\n"},
        "slower than a reply may be": {"end_delay": 2.0, "buffers": 4096},
    }


PATIENT = Timeouts(10.0, 10.0, 20.0)
SHORT = Timeouts(10.0, 2.0, 2.0)
IMPATIENT = Timeouts(10.0, 1.5, 20.0)


@dataclass(frozen=True, slots=True)
class HabitCell:
    habit: str
    pipelining: bool
    chunking: bool
    window: int
    mails: Mails = Mails()

    @property
    def name(self) -> str:
        how = f"{'pipelined' if self.pipelining else 'in steps'}, {'BDAT' if self.chunking else 'DATA'}"
        return f"habit: {self.habit} [{how}, window: {self.window}]"

    def run(self) -> Judgement:
        settings = Settings(
            pipelining=self.pipelining,
            chunking=self.chunking,
            lifetime=60,
            **habits(self.mails)[self.habit],
        )
        slow = settings.end_delay > 0
        count = 6 if slow else self.mails.count
        body = (b"x" * 70 + b"\r\n") * (800 if slow else self.mails.lines)
        messages = [mail(number, self.mails.recipients, body=body) for number in range(count)]
        with ScriptedServer(settings) as server:
            drops = settings.behind_refused is Behind.DROPS_INPUT
            sending = Sending(server, self.window, IMPATIENT if slow else SHORT if drops else PATIENT)
            said = statuses(sending.send(messages))
            server.wait_until_served(0.5)
        return self._judge(said, server)

    def _judge(self, said: Mapping[str, Status], server: ScriptedServer) -> Judgement:
        judgement = Judgement()
        took = Counter(address for message in server.log.accepted for address in message.recipients)
        judgement.unknown = sum(status is Status.UNKNOWN for status in said.values())
        for address, status in said.items():
            times = took.pop(address, 0)
            wrong = {
                "false_sent": status is Status.ACCEPTED and not times,
                "false_not_sent": status in (Status.REFUSED, Status.NOT_TRIED) and times > 0,
                "duplicates": times > 1,
            }
            judgement.counts.update(name for name, is_so in wrong.items() if is_so)
            if status is Status.NOT_TRIED or (
                status is Status.REFUSED and not self._may_refuse(address, server)
            ):
                judgement.surprises.append(f"{address}: {status}")
        judgement.surprises += [f"the server accepted something for {address}" for address in took]
        return judgement

    def _may_refuse(self, address: str, server: ScriptedServer) -> bool:
        return address in server.settings.refused or server.settings.refuses_every is not None


def habit_cells(mails: Mails = Mails(), window: int = 20) -> Iterator[HabitCell]:
    """Every habit, in every way; with a window only where it is used."""
    for habit in habits(mails):
        for pipelining in (True, False):
            for chunking in (True, False):
                yield HabitCell(habit, pipelining, chunking, 1, mails)
        yield HabitCell(habit, True, True, window, mails)


def excess(unknown: Mapping[HabitCell, int]) -> list[str]:
    """Where more is in doubt by BDAT than by DATA, one message at a time."""
    return [
        f"{cell.name}: {number} unknown, by DATA {unknown[other]}"
        for cell, number in unknown.items()
        if cell.window == 1 and cell.chunking and number > unknown[other := replace(cell, chunking=False)]
    ]

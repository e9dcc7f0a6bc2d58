"""Servers with habits that are no fault of a moment: each gets a run of mails by BDAT and by DATA.

What is in doubt by BDAT must not be more than by DATA, where an answer can't be taken for another one's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from smtp.options import Timeouts
from smtp.outcome import Status
from tests.faults.judge import Judgement
from tests.support.scripted import Behind, Fault, Kind, ScriptedServer, Settings, Step
from tests.support.sending import Sending, mail, statuses

COUNT = 30
RECIPIENTS = 2
NO = "550 5.1.1 no such user"
SOME = MappingProxyType({f"r0.m{number}@example.test": NO for number in range(3, COUNT, 7)})
ALL_OF_SOME = MappingProxyType(
    {f"r{index}.m{number}@example.test": NO for number in range(3, COUNT, 7) for index in range(RECIPIENTS)}
)
PUT_OFF = MappingProxyType(
    {f"r1.m{number}@example.test": "421 4.2.1 not now" for number in range(4, COUNT, 9)}
)
CHUNK = b"250 2.0.0 that was the chunk\r\n"

HABITS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "none": {},
        "some recipients refused": {"refused": SOME},
        "all recipients of some refused": {"refused": ALL_OF_SOME},
        "a chunk is not passed over": {"keeps_chunks": True, "refused": ALL_OF_SOME},
        "two answers, the message's first": {"says_behind_end": CHUNK, "refused": ALL_OF_SOME},
        "two answers, the message's last": {"says_before_end": CHUNK, "refused": ALL_OF_SOME},
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
        "421 to a recipient, and on it goes": {"refused": PUT_OFF},
        "421 to a recipient, and then a break": {
            "refused": PUT_OFF,
            "fault": Fault(Step.END, Kind.CLOSE, nth=5, acted=True),
        },
        "closes after 1": {"closes_after": 1},
        "closes after 4": {"closes_after": 4},
        "closes after 1, with a word": {"closes_after": 1, "closes_with": b"421 4.7.0 enough\r\n"},
        "closes after 4, with a word": {"closes_after": 4, "closes_with": b"421 4.7.0 enough\r\n"},
        "one recipient at a time": {"max_recipients": 1, "max_errors": 20},
        "LIMITS of one and one": {"limits": "MAILMAX=1 RCPTMAX=1"},
        "twenty errors are enough": {"refused": ALL_OF_SOME, "max_errors": 4},
        "VRFY says yes": {"vrfy": b"250 2.1.5 yes\r\n"},
        "VRFY is not known": {"vrfy": b"500 5.5.1 what\r\n"},
        "VRFY ends the connection": {"vrfy": b"421 4.7.0 go away\r\n"},
        "slower than a reply may be": {"end_delay": 2.0, "buffers": 4096},
    }
)
PATIENT = Timeouts(10.0, 10.0, 20.0)
SHORT = Timeouts(10.0, 2.0, 2.0)
IMPATIENT = Timeouts(10.0, 1.5, 20.0)


@dataclass(frozen=True, slots=True)
class HabitCell:
    habit: str
    pipelining: bool
    chunking: bool
    window: int

    @property
    def name(self) -> str:
        how = f"{'pipelined' if self.pipelining else 'in steps'}, {'BDAT' if self.chunking else 'DATA'}"
        return f"habit: {self.habit} [{how}, window: {self.window}]"

    def run(self) -> Judgement:
        settings = Settings(
            pipelining=self.pipelining, chunking=self.chunking, lifetime=60, **HABITS[self.habit]
        )
        slow = settings.end_delay > 0
        count = 6 if slow else COUNT
        body = (b"x" * 70 + b"\r\n") * (800 if slow else 1)
        messages = [mail(number, RECIPIENTS, body=body) for number in range(count)]
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


def habit_cells() -> Iterator[HabitCell]:
    for habit in HABITS:
        for pipelining in (True, False):
            for chunking in (True, False):
                for window in (1, 20):
                    if window == 1 or (pipelining and chunking):
                        yield HabitCell(habit, pipelining, chunking, window)


def excess(unknown: Mapping[HabitCell, int]) -> list[str]:
    """Where more is in doubt by BDAT than by DATA, one message at a time."""
    return [
        f"{cell.name}: {number} unknown, by DATA {unknown[other]}"
        for cell, number in unknown.items()
        if cell.window == 1
        and cell.chunking
        and number > unknown[other := HabitCell(cell.habit, cell.pipelining, False, 1)]
    ]

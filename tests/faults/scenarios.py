"""What is no fault but happens: recipients refused, limits reached. With it, in every combination, the same truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.faults.cell import TRANSPORTS, compare
from tests.faults.client import Client
from tests.faults.judge import Judgement, judge
from tests.faults.matrix import Expected
from tests.faults.messages import Window, small
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

S, U, N, TEMP, PERM = Expected
NO, LATER = "550 5.1.1 no such user", "450 4.2.1 mailbox busy"
FULL = "452 4.2.2 mailbox full"
FIRST, SECOND, THIRD = (f"r{number}.m1@example.test" for number in (1, 2, 3))


@dataclass(frozen=True, slots=True)
class Scenario:
    """Server settings, and what is said of the three recipients of each message. None: the judge alone decides."""

    name: str
    settings: Mapping[str, Any]
    expected: tuple[tuple[Expected, ...] | None, ...]


ALL, NONE, NOT_NOW = (S,) * 3, (PERM,) * 3, (TEMP,) * 3
NOBODY = dict.fromkeys((FIRST, SECOND, THIRD), NO)
BARE = {"eight_bit": False, "smtputf8": False, "size": None}
SHIFTED = {"refused": {SECOND: NO}, "fault": Fault(Step.MAIL, Kind.EXTRA)}

SCENARIOS = (
    Scenario("one recipient refused", {"refused": {SECOND: NO}}, ((S, PERM, S), ALL)),
    Scenario("one recipient to be tried later", {"refused": {SECOND: LATER}}, ((S, TEMP, S), ALL)),
    Scenario("one mailbox full", {"refused": {THIRD: FULL}}, ((S, S, TEMP), ALL)),
    Scenario("all recipients refused", {"refused": NOBODY}, (NONE, ALL)),
    Scenario("nobody accepted, the message asked for", {"refused": NOBODY, "lenient": True}, (NONE, None)),
    Scenario("two recipients a transaction", {"max_recipients": 2}, (ALL, ALL)),
    Scenario("LIMITS RCPTMAX=1", {"limits": "RCPTMAX=1 NEW=x"}, (ALL, ALL)),
    Scenario("LIMITS RCPTDOMAINMAX=1", {"limits": "RCPTDOMAINMAX=1"}, (ALL, ALL)),
    Scenario("LIMITS MAILMAX=1", {"limits": "MAILMAX=1"}, (ALL, NOT_NOW)),
    Scenario("the second message gets a farewell", {"max_messages": 1}, (ALL, NOT_NOW)),
    Scenario("too large", {"size": 50}, (NONE, NONE)),
    Scenario("no 8BITMIME, no SMTPUTF8, no SIZE", BARE, (ALL, ALL)),
    Scenario("no enhanced codes", {"enhanced": False}, (ALL, ALL)),
    Scenario("every octet a packet of its own", {"byte_by_byte": True}, (ALL, ALL)),
    Scenario("one reply too many, and a recipient refused", SHIFTED, (None, None)),
)


@dataclass(frozen=True, slots=True)
class ScenarioCell:
    scenario: Scenario
    tls: str
    pipelining: bool
    chunking: bool
    in_flight: int

    @property
    def name(self) -> str:
        how = f"{'pipelined' if self.pipelining else 'in steps'}, {'BDAT' if self.chunking else 'DATA'}"
        return f"scenario: {self.scenario.name} [{self.tls}, {how}, in flight: {self.in_flight}]"

    def run(self) -> Judgement:
        settings = Settings(
            tls=self.tls, pipelining=self.pipelining, chunking=self.chunking, **self.scenario.settings
        )
        with ScriptedServer(settings) as server:
            window = Window()
            client = Client(server, window)
            messages = [small(number + 1) for number in range(len(self.scenario.expected))]
            deliveries = client.send_many(messages, self.in_flight)
            client.finish()
            server.wait_until_served(0.5)
        judgement = judge(deliveries, messages, window, server.log)
        for message, delivery, expected in zip(messages, deliveries, self.scenario.expected, strict=True):
            if expected is not None:
                compare(judgement, message, delivery, [(one,) for one in expected])
        return judgement


def scenarios() -> Iterator[ScenarioCell]:
    for scenario in SCENARIOS:
        for tls in TRANSPORTS:
            for pipelining in (True, False):
                for chunking in (True, False):
                    for in_flight in (1, 2):
                        yield ScenarioCell(scenario, tls, pipelining, chunking, in_flight)

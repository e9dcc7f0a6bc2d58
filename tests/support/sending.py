"""What a program does with a session when there are many messages: it goes on over another one with what is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from smtp.content import Content, Octets
from smtp.envelope import Address, Envelope
from smtp.options import Habits, Options, Timeouts
from smtp.outcome import Delivery, Status
from smtp.session import Session
from tests.support.scripted import ScriptedServer

Message = tuple[Envelope, Content]
MOST_CONNECTIONS = 400


def mail(number: int, recipients: int = 1, *, body: bytes = b"hello\r\n", name: str = "r") -> Message:
    """A message like no other, to so many recipients: `r0.m7@example.test` is the first of number 7."""
    to = tuple(Address(f"{name}{index}.m{number}", "example.test") for index in range(recipients))
    text = b"Message-ID: <%d@example.test>\r\nSubject: %d\r\n\r\n" % (number, number)
    return Envelope(Address("sender", "example.test"), to), Octets(text + body)


@dataclass(slots=True)
class Sending:
    """Sends to one server; what goes elsewhere goes over the next connection."""

    server: ScriptedServer
    window: int = 1
    timeouts: Timeouts = field(default_factory=lambda: Timeouts(5.0, 5.0, 20.0))
    habits: Habits = field(default_factory=Habits)
    connections: int = 0

    def send(self, messages: Sequence[Message]) -> list[Delivery]:
        deliveries: dict[int, Delivery] = {}
        waiting = list(enumerate(messages))
        while waiting and self.connections < MOST_CONNECTIONS:
            self.connections += 1
            waiting = self._send_some(waiting, deliveries)
        assert not waiting, f"{len(waiting)} messages are left after {self.connections} connections"
        return [deliveries[number] for number in range(len(messages))]

    def _send_some(
        self, waiting: list[tuple[int, Message]], deliveries: dict[int, Delivery]
    ) -> list[tuple[int, Message]]:
        """Send over one connection, as far as that goes. Returns what is left."""
        left: list[tuple[int, Message]] = []
        given: list[tuple[int, Message]] = []
        source = iter(waiting)
        options = Options(self.timeouts, habits=self.habits)
        with Session.connect(self.server.host, self.server.port, options) as session:
            session.hello("client.test")

            def take() -> Iterator[Message]:
                for entry in source:
                    given.append(entry)
                    yield entry[1]
                    if not session.is_open or session.is_used_up:
                        return

            for place, delivery in enumerate(session.send_many(take(), self.window)):
                number, (envelope, content) = given[place]
                before = deliveries.get(number)
                deliveries[number] = before.continued(delivery) if before else delivery
                if delivery.elsewhere:
                    left.append((number, (envelope.to(delivery.elsewhere), content)))
        return sorted([*left, *source])


def statuses(deliveries: Sequence[Delivery]) -> dict[str, Status]:
    """What was said of each recipient."""
    return {str(one.address): one.status for delivery in deliveries for one in delivery.recipients}

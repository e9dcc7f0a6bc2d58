"""What happened in the cells of the matrix, as data for the model: docs/model/README.md.

`python -m tests.faults.traces [NAME]` replays one cell for each row of the matrix, each kind of fault at each step, or
those with NAME in theirs. Needs `spin` and a C compiler. The exit code is 1 when the model says something else than the
program, or finds that the server has what it can't have.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from smtp.outcome import Delivery, RecipientDelivery, Status
from tests.faults.cell import Cell, Mode, Played, cells
from tests.faults.messages import Message
from tests.faults.playing import THREADS
from tests.support.scripted import Step
from tools.model import Replay

MESSAGES = 3
"""As many as the model has; of each it has the first two recipients, and the faults strike the second."""
_SENT, _PARTLY, _NOT_SENT, _UNKNOWN = 1, 2, 3, 4
_NOTHING, _YES, _LATER, _NO = 0, 1, 2, 3

Trace = list[int]
"""Eight numbers for each message, as docs/model/delivery.pml has them."""


def chosen(name: str = "") -> Iterator[Cell]:
    """The first cell of each row in which three messages are sent; where RSET is said, three of those in a window."""
    seen: set[str] = set()
    for cell in cells():
        mode = Mode.WINDOW if cell.row.fault.step is Step.RSET else Mode.SEVERAL
        if cell.mode is mode and cell.row.name not in seen and name in cell.name:
            seen.add(cell.row.name)
            yield cell


def trace_of(cell: Cell) -> Trace:
    """Play a cell, and give what happened to the message that the fault was meant for and to its neighbours."""
    played = cell.play()
    first = min(max(cell.struck - 2, 0), len(played.messages) - MESSAGES)
    pairs = list(zip(played.messages, played.deliveries, strict=True))[first : first + MESSAGES]
    return [number for message, delivery in pairs for number in _facts(message, delivery, played)]


def _facts(message: Message, delivery: Delivery, played: Played) -> list[int]:
    two = delivery.recipients[:2]
    has = [_has(message, str(one.address), played) for one in two]
    is_answered = all(one.status is not Status.UNKNOWN for one in two)
    is_accepted = any(one.status is Status.ACCEPTED for one in delivery.recipients)
    return [
        int(played.window.is_open_for(message)),
        *has,
        int(is_answered),
        *(_said(one) for one in two),
        int(is_accepted),
        _claimed(two),
    ]


def _has(message: Message, address: str, played: Played) -> int:
    """How often the server has accepted the message for this recipient."""
    return sum(
        entry.content == message.octets and address in entry.recipients for entry in played.log.accepted
    )


def _said(one: RecipientDelivery) -> int:
    if one.status is Status.ACCEPTED:
        return _YES
    if one.status is Status.REFUSED:
        return _LATER if one.retryable else _NO
    return _NOTHING


def _claimed(two: Sequence[RecipientDelivery]) -> int:
    """What was said of the message, as far as it is about these recipients."""
    statuses = [one.status for one in two]
    if Status.UNKNOWN in statuses:
        return _UNKNOWN
    accepted = statuses.count(Status.ACCEPTED)
    return (_NOT_SENT, _PARTLY, _SENT)[accepted]


def main(name: str = "") -> int:
    """Replay them, and print the traces that the model does not have, and how many there were."""
    some = list(chosen(name))
    wrong = 0
    with Replay() as replay, ThreadPoolExecutor(THREADS) as threads:
        for cell, trace in zip(some, threads.map(trace_of, some), strict=True):
            if fault := replay.fault(trace):
                wrong += 1
                _say(f"{cell.name}: {fault}; {trace}")
    _say(f"{len(some)} traces of the fault matrix replayed through the model, {wrong} that it does not have")
    return 1 if wrong or not some else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))

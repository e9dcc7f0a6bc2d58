"""The commands of durable runs: `submit` takes one down, `worker` sends what is due."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from delivery.pool import Pool
from doors.cli.results import NOT_SENT, PARTLY_SENT, SENT, UNKNOWN, WRONG_CALL
from doors.cli.terminal import Terminal
from host.local import durable, inputs
from host.local.durable import Order, Submitted
from host.local.home import Home
from host.local.inputs import InputError
from host.local.rows import Row, rows, rows_of_file, rows_of_text
from host.local.run import first_signal
from host.local.worker import Worker
from host.manifest.model import Manifest

MOST_TOLD = 50
"""Refused rows that are told on standard error; the document has them all."""
FINAL = frozenset({"ended", "cancelled"})


def submit(arguments: Namespace, manifest: Manifest, home: Home, pool: Pool, terminal: Terminal) -> int:
    """Take a durable run down, and with `--wait` see it through. Returns the exit code."""
    order = Order(
        action=manifest.action(arguments.action),
        asset=arguments.asset,
        container_id=inputs.container_id(arguments.container),
        key_field=arguments.key_field,
        not_before=_time(arguments.not_before),
        priority=arguments.priority,
        give_up_after=_seconds(arguments.give_up_after),
        all_or_nothing=arguments.all_or_nothing,
    )
    submitted = durable.submit(order, _rows(arguments.params), home)
    for refused in submitted.refused[:MOST_TOLD]:
        terminal.fail(f"line {refused.line}: {refused.message}")
    _show(submitted, arguments, terminal)
    if submitted.run_id is None:
        return WRONG_CALL if order.all_or_nothing else NOT_SENT
    code = NOT_SENT if submitted.refusals else SENT
    if not arguments.wait:
        return code
    return _worse(code, _wait_for(submitted.run_id, home, pool, terminal))


def work(arguments: Namespace, home: Home, pool: Pool, terminal: Terminal) -> int:
    """Send what is due until a signal asks to stop; then what is in flight is finished. Returns the exit code."""
    if arguments.concurrency < 1:
        raise InputError("--concurrency is the number of mailboxes worked on at a time: 1 or more.")
    worker = Worker(home, pool, terminal.say, concurrency=arguments.concurrency)
    if arguments.health:
        from host.local.health import health_of

        health = health_of(worker, home, arguments.health)
        with first_signal(lambda _number: worker.stop()), health as port:
            terminal.say(f"Health and metrics are on port {port}.")
            worker.run()
    else:
        with first_signal(lambda _number: worker.stop()):
            worker.run()
    return SENT


def _wait_for(number: int, home: Home, pool: Pool, terminal: Terminal) -> int:
    """Work in this process, unless another one does, until the run has ended."""

    def is_over() -> bool:
        return home.runs.state_of(number) in FINAL

    worker = Worker(home, pool, terminal.say)
    with first_signal(lambda _number: worker.stop()):
        worker.run(is_over)
    entry = home.runs.entry(number)
    progress = entry.progress
    assert progress is not None  # noqa: S101 - it was submitted
    if entry.state not in FINAL:
        terminal.fail(
            f"Run {number} goes on when a worker is started again: {progress.done} of {progress.total} done."
        )
        return NOT_SENT
    terminal.say(f"Run {number}: {entry.message}." if entry.message else f"Run {number} is {entry.state}.")
    codes = {"unknown": UNKNOWN, "not sent": NOT_SENT, "cancelled": NOT_SENT, "partly sent": PARTLY_SENT}
    code = SENT
    for state in progress.counts:
        code = _worse(code, codes.get(state, SENT))
    return code


def _worse(one: int, other: int) -> int:
    order = (SENT, PARTLY_SENT, NOT_SENT, UNKNOWN)
    return max(one, other, key=order.index)


def _rows(source: str) -> Iterator[Row]:
    if source.lstrip().startswith(("{", "[")):
        return rows_of_text(source)
    if source == "-":
        if sys.stdin is None:
            raise InputError("Standard input is closed.")
        return rows(sys.stdin.buffer)
    return rows_of_file(Path(source))


def _show(submitted: Submitted, arguments: Namespace, terminal: Terminal) -> None:
    refused = [asdict(one) for one in submitted.refused]
    document = {"run_id": submitted.run_id, "rows": submitted.rows, "refused": refused}
    if submitted.refusals > len(refused):
        document["refusals"] = submitted.refusals
    if arguments.json or not terminal.prints_to_a_person:
        terminal.print_json(document)
        return
    if submitted.run_id is None:
        terminal.print_text(f"Nothing was submitted; {submitted.refusals} rows were refused.")
        return
    text = f"Run {submitted.run_id} was submitted with {submitted.rows} rows"
    terminal.print_text(f"{text}; {submitted.refusals} were refused." if submitted.refusals else f"{text}.")


def _time(text: str) -> str:
    """A time (ISO 8601; without a zone that of this machine) as the database has it. Raises `InputError`."""
    if not text:
        return ""
    try:
        time = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{text!r:.40} is no time: write it as 2026-01-31T08:00:00Z.") from error
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _seconds(text: str) -> float | None:
    """A duration as 90m, 12h or 2d, in seconds. Raises `InputError`."""
    if not text:
        return None
    number, unit = text[:-1], text[-1:]
    if not (number.isdecimal() and len(number) < 10 and unit in _UNITS):
        raise InputError(f"{text!r:.40} is no duration: write a whole number and s, m, h or d, such as 12h.")
    return float(int(number) * _UNITS[unit])

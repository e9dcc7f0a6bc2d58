"""What the worker of PostgreSQL's jobs says of faults that come up in the background, where nobody waits for them."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException

from host.local.job_worker import JobWorker


def told_of(tmp_path: Path, error: Exception | None) -> list[str]:
    """What is told when a task fails and nobody looks at it, or when the loop has something to say without an error."""
    told: list[str] = []
    worker = JobWorker(tmp_path, 1, lambda _job, _batch: None, told.append)

    async def background() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(worker._say_fault)
        if error is None:
            loop.call_exception_handler({"message": "Executing took too long"})
        else:
            loop.call_soon(fail)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    def fail() -> None:
        assert error is not None
        raise error

    asyncio.run(background())
    return told


@pytest.mark.parametrize("error", [ConnectorException("no such job"), psycopg.OperationalError("gone")])
def test_that_a_job_was_taken_over_or_the_database_is_gone_is_no_news(
    tmp_path: Path, error: Exception
) -> None:
    assert told_of(tmp_path, error) == []


def test_what_nobody_foresaw_is_told_with_where_it_came_up(tmp_path: Path) -> None:
    (told,) = told_of(tmp_path, ZeroDivisionError("7 of 0"))
    assert "unexpected error (ZeroDivisionError at test_job_worker.py:" in told
    assert "please report it" in told


def test_what_is_no_error_is_told_in_its_own_words(tmp_path: Path) -> None:
    assert told_of(tmp_path, None) == [
        "Something that belongs to the jobs went wrong. Executing took too long."
    ]


def test_a_mistake_is_told_once_and_the_worker_goes_on_trying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = threading.Semaphore(0)

    async def work(_worker: JobWorker) -> None:
        tried.release()
        raise ZeroDivisionError("7 of 0")

    monkeypatch.setattr(JobWorker, "_work", work)
    told: list[str] = []
    with JobWorker(tmp_path, 1, lambda _job, _batch: None, told.append) as worker:
        assert all(tried.acquire(timeout=60) for _ in range(2))
        assert "unexpected error (ZeroDivisionError at " in worker.fault
    assert told == [worker.fault]

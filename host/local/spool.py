"""Where a finished run is recorded first: a file of its own, so that sending a mail loads no database for it.

`host.local.runs` moves the spool into the database when somebody looks at the runs.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from host.local.files import StoreError, private_folder, reason, replace


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One finished action run.

    `asset` is the name of a stored asset, or "": what an asset holds is not recorded. `parameters` are as
    they were given, times are ISO 8601 in UTC, `result` is the result JSON in SOAR's shape.
    """

    action: str
    asset: str
    container_id: str
    parameters: list[Any]
    status: str
    message: str
    result: dict[str, Any]
    start_time: str
    end_time: str


class Spool:
    """Recorded runs that the database does not have yet. Every method raises `StoreError`."""

    def __init__(self, folder: Path) -> None:
        self._home = folder
        self._folder = folder / "spool"

    def record(self, run: RecordedRun) -> None:
        """Keep a run: wholly, or not at all."""
        private_folder(self._home)
        replace(
            self._folder / f"{time.time_ns():020d}-{os.urandom(8).hex()}.json",
            # Not `asdict`: that would copy thousands of results, each of them whole.
            json.dumps({one.name: getattr(run, one.name) for one in fields(run)}).encode(),
        )

    def waiting(self) -> list[Path]:
        """The files that hold a run each, the oldest first."""
        try:
            return sorted(self._folder.glob("*.json"))
        except OSError as error:
            raise StoreError(
                f"The recorded runs in {self._folder} can't be read: {reason(error)}."
            ) from error


def read(paths: list[Path]) -> Iterator[tuple[Path, RecordedRun]]:
    """Each file and its run. One that another process took over meanwhile, or a damaged one, is passed by."""
    for path in paths:
        try:
            run = RecordedRun(**json.loads(path.read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            continue
        except OSError as error:
            raise StoreError(f"The recorded run {path} can't be read: {reason(error)}.") from error
        yield path, run

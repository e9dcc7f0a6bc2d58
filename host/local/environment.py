"""The environment variables that a run is given: proxies, for example."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def environment(variables: object) -> Iterator[None]:
    """Apply an input's `environment_variables`, as the platform writes them, for as long as the run takes."""
    given = variables if isinstance(variables, Mapping) else {}
    values = {
        name: entry.get("value") if isinstance(entry, Mapping) else entry for name, entry in given.items()
    }
    wanted = {name: str(value) for name, value in values.items() if value is not None}
    before = {name: os.environ.get(name) for name in wanted}
    try:
        os.environ.update(wanted)
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

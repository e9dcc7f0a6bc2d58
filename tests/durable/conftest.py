from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.local.files import DATABASE_VARIABLE
from host.local.home import Home
from tests.support.fixtures import run

__all__ = ["home", "run"]

SERVER = "DATABASES_OF_TESTS"
"""A server, as postgresql+psycopg://…, where each test makes a database instead of using that of its folder."""


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    address = os.environ.get(SERVER)
    if not address:
        yield
        return
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    own = address.replace("+psycopg", "")
    with psycopg.connect(f"{own}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    monkeypatch.setenv(DATABASE_VARIABLE, f"{address}/{name}")
    yield
    with psycopg.connect(f"{own}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("SMTP_CONNECTOR_HOME", str(tmp_path / "data"))
    return Home()

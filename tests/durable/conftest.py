from __future__ import annotations

from pathlib import Path

import pytest

from host.local.home import Home
from tests.support.fixtures import run

__all__ = ["home", "run"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("SMTP_CONNECTOR_HOME", str(tmp_path / "data"))
    return Home()

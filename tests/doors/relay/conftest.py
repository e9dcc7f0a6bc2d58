"""A data folder of its own for each test of the relay."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.local.home import HOME_VARIABLE


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))

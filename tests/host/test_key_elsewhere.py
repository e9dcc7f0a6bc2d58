"""The key of the data folder may lie outside it: named by a variable, or handed over by systemd."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.local.files import CREDENTIAL, KEY_FILE, KEY_VARIABLE, StoreError
from host.local.home import Home

FIELDS = {"server": "mx", "password": "canary"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_key_that_a_variable_names_is_made_and_used_there(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "elsewhere.key"
    monkeypatch.setenv(KEY_VARIABLE, str(key))
    Home(folder).assets.add("prod", FIELDS)
    assert key.stat().st_mode & 0o777 == 0o600
    assert not (folder / KEY_FILE).exists()
    assert Home(folder).assets.get("prod").config == FIELDS


def test_a_key_may_be_moved_out(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Home(folder).assets.add("prod", FIELDS)
    (folder / KEY_FILE).rename(tmp_path / "moved.key")
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "moved.key"))
    assert Home(folder).assets.get("prod").config == FIELDS


def test_a_key_is_taken_from_the_credentials_of_a_service(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Home(folder).assets.add("prod", FIELDS)
    (tmp_path / "credentials").mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    assert Home(folder).assets.get("prod").config == FIELDS, "a service's other credentials are not ours"
    (folder / KEY_FILE).rename(tmp_path / "credentials" / CREDENTIAL)
    assert Home(folder).assets.get("prod").config == FIELDS


def test_a_key_that_is_not_there_is_not_replaced(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Home(folder).assets.add("prod", FIELDS)
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "none.key"))
    with pytest.raises(
        StoreError, match=r"none\.key is missing, and what is stored can't be read without it"
    ):
        Home(folder).assets.get("prod")
    assert not (tmp_path / "none.key").exists()


def test_a_folder_of_the_key_that_is_not_there_is_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "no" / "such.key"))
    with pytest.raises(StoreError, match=r"such\.key can't be made: No such file or directory"):
        Home(folder).assets.add("prod", FIELDS)

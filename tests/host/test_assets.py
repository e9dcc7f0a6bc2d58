"""Stored assets."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.local.assets import Assets
from host.local.files import StoreError
from host.local.home import Home

CONFIG = {"server": "mail.example.com", "port": 25.0, "password": "canary", "note": None}


@pytest.fixture
def assets(tmp_path: Path) -> Assets:
    return Home(tmp_path / "data").assets


def test_what_was_added_is_given_back_as_it_was(assets: Assets) -> None:
    asset_id = assets.add("prod", CONFIG)
    stored = assets.get("prod")
    assert (stored.id, stored.name, stored.config) == (asset_id, "prod", CONFIG)


def test_an_id_is_digits_as_on_the_platform(assets: Assets) -> None:
    assert assets.add("prod", CONFIG).isdigit()


def test_a_name_is_found_in_any_case(assets: Assets) -> None:
    assets.add("Prod", CONFIG)
    assert assets.get("pROD").name == "Prod"


def test_the_list_is_by_name(assets: Assets) -> None:
    for name in ("b", "C", "a"):
        assets.add(name, CONFIG)
    assert [entry.name for entry in assets.list()] == ["a", "b", "C"]


@pytest.mark.parametrize("name", ["prod", "PROD"])
def test_a_name_twice_leaves_the_first_as_it_was(assets: Assets, name: str) -> None:
    assets.add("prod", CONFIG)
    with pytest.raises(StoreError, match=r"There is an asset .* already"):
        assets.add(name, {"server": "other"})
    assert assets.get("prod").config == CONFIG


@pytest.mark.parametrize("name", ["", " x", "-x", "../x", "a/b", "a\nb", "x" * 101, "a..b", "a\\b", "a\0"])
def test_a_name_that_would_confuse_is_refused(assets: Assets, name: str) -> None:
    with pytest.raises(StoreError, match="can't be an asset's name"):
        assets.add(name, CONFIG)
    assert assets.list() == ()


def test_an_unknown_name_says_which_there_are(assets: Assets) -> None:
    assets.add("prod", CONFIG)
    with pytest.raises(StoreError, match=r"no asset 'test'\. Stored are: prod\."):
        assets.get("test")


def test_a_removed_asset_is_gone_and_its_id_is_not_given_again(assets: Assets) -> None:
    first = assets.add("prod", CONFIG)
    assert assets.remove("prod") == first
    with pytest.raises(StoreError, match="Stored are: none"):
        assets.get("prod")
    assert assets.add("prod", CONFIG) != first


def test_an_asset_does_not_print_its_secrets(assets: Assets) -> None:
    assets.add("prod", CONFIG)
    assert "canary" not in repr(assets.get("prod"))

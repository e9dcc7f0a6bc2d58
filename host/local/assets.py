"""Stored assets: named sets of asset fields, encrypted."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from host.local import files
from host.local.files import StoreError, timestamp
from host.local.store import Store
from host.local.tables import AssetRow

_LONGEST_NAME = 100
_DIGITS = 18
"""An id of fewer fits into a number of the database."""


class AssetChanged(StoreError):
    """The asset is not the one any more that was looked at: it was changed meanwhile."""


@dataclass(frozen=True, slots=True)
class StoredAsset:
    """An asset as it was given. `config` holds secrets, and so is left out of the `repr`.

    `version` is another one after each change. It is made of what is encrypted, and tells nothing of it.
    """

    id: str
    name: str
    create_time: str
    config: dict[str, Any] = field(repr=False)
    version: str = ""


@dataclass(frozen=True, slots=True)
class AssetEntry:
    """What a list of assets shows of each; reading it takes no key."""

    id: str
    name: str
    create_time: str


class Assets:
    """The assets of a data folder; their names' case is ignored. Every method raises `StoreError`."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder
        self._store = store

    def add(self, name: str, config: Mapping[str, Any]) -> str:
        """Store a new asset and return its id. One that is there is never overwritten."""
        _check_name(name)
        try:
            with self._store.writing() as session:
                row = AssetRow(name=name, config=files.encrypt(self._folder, config), create_time=timestamp())
                session.add(row)
                session.flush()
                return str(row.id)
        except IntegrityError as error:
            raise StoreError(
                f"There is an asset {name} already; it was left as it is. Remove it first."
            ) from error

    def set_fields(self, name: str, changes: Mapping[str, Any]) -> str:
        """Give a stored asset these fields, None: take a field away; returns its id, which stays."""
        with self._store.writing() as session:
            row = _find(session, name)
            config = files.decrypt(self._folder, row.config, f"The asset {row.name}")
            row.config = files.encrypt(self._folder, merged(config, changes))
            return str(row.id)

    def get(self, name: str) -> StoredAsset:
        """The asset with its secrets."""
        with self._store.reading() as session:
            return self._stored(_find(session, name))

    def by_id(self, asset_id: str) -> StoredAsset:
        """The asset of this id, with its secrets."""
        with self._store.reading() as session:
            return self._stored(_find_by_id(session, asset_id))

    def change(
        self, asset_id: str, name: str, config: Mapping[str, Any], versions: Collection[str] = ()
    ) -> None:
        """Give an asset this name and these fields, all of them.

        With `versions` only while it has one of these; raises `AssetChanged` where it has another one.
        """
        _check_name(name)
        try:
            with self._store.writing() as session:
                row = _find_by_id(session, asset_id)
                if versions and _version(row) not in versions:
                    raise AssetChanged(f"The asset {row.name} was changed meanwhile; nothing was saved.")
                row.name, row.config = name, files.encrypt(self._folder, config)
        except IntegrityError as error:
            raise StoreError(f"There is another asset {name} already; nothing was changed.") from error

    def _stored(self, row: AssetRow) -> StoredAsset:
        config = files.decrypt(self._folder, row.config, f"The asset {row.name}")
        return StoredAsset(str(row.id), row.name, row.create_time, config, _version(row))

    def list(self) -> tuple[AssetEntry, ...]:
        """All assets, by name."""
        with self._store.reading() as session:
            rows = session.scalars(select(AssetRow).order_by(AssetRow.name))
            return tuple(AssetEntry(str(row.id), row.name, row.create_time) for row in rows)

    def remove(self, name: str) -> str:
        """Forget an asset; returns its id."""
        with self._store.writing() as session:
            row = _find(session, name)
            session.delete(row)
            return str(row.id)


def merged(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `config` with `changes`, in which None takes a field away."""
    return {name: value for name, value in {**config, **changes}.items() if value is not None}


def _version(row: AssetRow) -> str:
    return hashlib.sha256(row.name.encode() + b"\0" + row.config).hexdigest()[:32]


def _check_name(name: str) -> None:
    if (
        not 1 <= len(name) <= _LONGEST_NAME
        or not name.isprintable()
        or name != name.strip()
        or any(part in name for part in ("/", "\\", ".."))
        or name.startswith("-")  # it would be taken for an option of the command line
        or name.endswith(".json")  # … or for a file
    ):
        raise StoreError(
            f"{name!r:.80} can't be an asset's name: use 1 to {_LONGEST_NAME} printable characters without /, \\ and "
            "two dots in a row, and begin and end with neither a space nor, at its start, a hyphen, nor end in .json."
        )


def _find_by_id(session: Session, asset_id: str) -> AssetRow:
    row = (
        session.get(AssetRow, int(asset_id))
        if asset_id.isascii() and asset_id.isdigit() and len(asset_id) < _DIGITS
        else None
    )
    if row is None:
        raise StoreError(f"There is no asset with the id {asset_id!r:.80}.")
    return row


def _find(session: Session, name: str) -> AssetRow:
    is_text = name.isprintable()  # and not half a character, which no database takes
    row = session.scalar(select(AssetRow).where(AssetRow.name == name)) if is_text else None
    if row is None:
        names = ", ".join(session.scalars(select(AssetRow.name).order_by(AssetRow.name).limit(20)))
        is_path = "/" in name or name.endswith(".json")  # which no asset's name can be
        hint = " A file has to be stored first: asset add NAME --config FILE." if is_path else ""
        raise StoreError(f"There is no asset {name!r:.80}. Stored are: {names or 'none'}.{hint}")
    return row

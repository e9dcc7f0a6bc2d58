"""The commands that look after what is stored: `asset`, `vault` and `runs`. Each returns what is to be printed."""

from __future__ import annotations

import csv
import io
import json
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from doors.cli.asset_commands import AssetCommands
from doors.cli.terminal import Terminal
from host.local import inputs
from host.local.home import Home
from host.local.vault import VaultRecord
from host.manifest.model import Manifest


class StoreCommands:
    """Over one data folder. What they raise is `InputError`, `StoreError` or `VaultError`."""

    def __init__(self, home: Home, manifest: Manifest, terminal: Terminal) -> None:
        self._home = home
        self._manifest = manifest
        self._terminal = terminal

    def do(self, arguments: Namespace) -> Any:
        """What `asset add` and its like are to print, as JSON can hold it."""
        assets = AssetCommands(self._home, self._manifest, self._terminal)
        commands: dict[str, Callable[[Namespace], Any]] = {
            "asset add": assets.add,
            "asset set": assets.set,
            "asset list": assets.list,
            "asset show": assets.show,
            "asset remove": assets.remove,
            "vault add": self._vault_add,
            "vault list": self._vault_list,
            "vault show": self._vault_show,
            "vault remove": self._vault_remove,
            "runs list": self._runs_list,
            "runs show": self._runs_show,
            "runs resolve": self._runs_resolve,
            "runs prune": self._runs_prune,
            "runs cancel": self._runs_cancel,
            "runs pause": self._runs_pause,
            "runs resume": self._runs_resume,
        }
        return commands[f"{arguments.command} {arguments.subcommand}"](arguments)

    def _vault_add(self, arguments: Namespace) -> Any:
        container_id = inputs.container_id(arguments.container)
        file = self._home.vault.add(Path(arguments.file), container_id)
        return {**file._asdict(), "path": str(file.path), "container_id": container_id}

    def _vault_list(self, _arguments: Namespace) -> Any:
        return [_record(record) for record in self._home.vault.list()]

    def _vault_show(self, arguments: Namespace) -> Any:
        file = self._home.vault.find(arguments.vault_id)
        records = self._home.vault.records(file.vault_id)
        return {"vault_id": file.vault_id, "path": str(file.path), "records": [_record(r) for r in records]}

    def _vault_remove(self, arguments: Namespace) -> Any:
        records = self._home.vault.remove(arguments.vault_id)
        return {"vault_id": records[0].vault_id, "records": [_record(record) for record in records]}

    def _runs_list(self, _arguments: Namespace) -> Any:
        return [asdict(entry) for entry in self._home.runs.list()]

    def _runs_show(self, arguments: Namespace) -> Any:
        run = asdict(self._home.runs.get(arguments.id))
        return {**run.pop("entry"), **run}

    def _runs_resolve(self, arguments: Namespace) -> Any:
        was_sent = arguments.resolution == "sent"
        return asdict(self._home.runs.resolve(arguments.id, arguments.position, was_sent=was_sent))

    def _runs_prune(self, _arguments: Namespace) -> Any:
        return self._home.runs.prune()._asdict()

    def _runs_cancel(self, arguments: Namespace) -> Any:
        from host.local import durable

        return {"id": arguments.id, "state": "cancelled", "mails": durable.cancel(self._home, arguments.id)}

    def _runs_pause(self, arguments: Namespace) -> Any:
        from host.local import durable

        durable.pause(self._home, arguments.id)
        return {"id": arguments.id, "state": "paused"}

    def _runs_resume(self, arguments: Namespace) -> Any:
        from host.local import durable

        return {"id": arguments.id, "state": "running", "mails": durable.resume(self._home, arguments.id)}

    def export(self, arguments: Namespace) -> Iterator[str]:
        """The lines of `runs export`."""
        from host.local.recorded_runs import EXPORTED

        mails = self._home.runs.export(arguments.id)
        if arguments.format == "jsonl":
            yield from (json.dumps(mail) for mail in mails)
            return
        yield _csv_line(EXPORTED)
        for mail in mails:
            yield _csv_line([*({**mail, "recipients": ", ".join(mail["recipients"])}.values())])


def _csv_line(values: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()


def _record(record: VaultRecord) -> dict[str, Any]:
    return {**asdict(record), "path": str(record.path)}

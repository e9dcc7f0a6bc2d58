"""A run form that is filled in already: from a run of the past, or with an example to begin with."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actions.contract import KEY, VaultError
from doors.console.visit import NotThere
from host.local.files import StoreError
from host.local.home import Home
from host.local.recorded_runs import Runs
from host.manifest.model import Action

_RECIPIENTS = ("to", "cc", "bcc")
SAMPLE_FILE = "welcome.txt"
_SAMPLE_HTML = """<h1>It works</h1>
<p>This mail came from the <b>console</b> of the SMTP connector.</p>
<table cellpadding="8" style="border-collapse: collapse; border: 1px solid #c8d0da">
  <tr><td style="border: 1px solid #c8d0da">Sent by</td><td style="border: 1px solid #c8d0da">a manual run</td></tr>
  <tr><td style="border: 1px solid #c8d0da">Arrived in</td><td style="border: 1px solid #c8d0da">the inbox</td></tr>
</table>
"""


@dataclass(frozen=True, slots=True)
class Filled:
    """What a form is filled in with; `notes` say what could not be."""

    action: str
    asset: str
    values: Mapping[str, Any]
    notes: tuple[str, ...]


def filled_by_run(runs: Runs, number: int, position: str, only_open: bool) -> Filled:
    """The parameters of a run's mail; with `only_open`, to those whom it has not reached. Raises `NotThere`."""
    place = int(position) if position.isascii() and position.isdigit() and len(position) < 9 else 1
    try:
        recorded = runs.mail(number, place)
    except StoreError as error:
        raise NotThere(str(error)) from error
    values, notes = dict(recorded.result["parameter"]), []
    for name in [name for name, value in values.items() if _is_digest(value)]:
        notes.append(f"{name} was too large to be recorded: fill it in again.")
        del values[name]
    if values.pop(KEY, ""):
        notes.append("The idempotency key was left out: with it, the first result would be given again.")
    if only_open:
        left = open_recipients(recorded.result)
        values = {name: value for name, value in values.items() if name not in _RECIPIENTS}
        values["to"] = ", ".join(left)
        notes.append("Only the recipients that were refused or not tried are filled in, all of them in To.")
    return Filled(recorded.run.action, recorded.run.asset, values, tuple(notes))


def open_recipients(result: Mapping[str, Any]) -> list[str]:
    """Whom a mail has certainly not reached."""
    return [
        str(one["address"])
        for data in result["data"]
        if isinstance(data, Mapping) and "outcome" in data  # a preview has only the addresses
        for one in data.get("recipients", ())
        if one.get("status") in ("refused", "not tried")
    ]


def sample(action: Action, home: Home) -> dict[str, Any]:
    """An example for whoever sends a first mail: what the action has no parameter for is left out."""
    values: dict[str, Any] = {
        "to": "Jane Doe <jane@example.com>, bob@example.com",
        "subject": "Hello from the console",
        "html_body": _SAMPLE_HTML,
        "body": "It works. This mail came from the console of the SMTP connector.\n",
    }
    vault_id = _sample_file(home)
    if vault_id:
        values |= {"attachment1": vault_id, "attachments": vault_id}
    return {name: value for name, value in values.items() if name in action.parameters}


def _sample_file(home: Home) -> str:
    try:
        return next((one.vault_id for one in home.vault.list() if one.name == SAMPLE_FILE), "")
    except VaultError:
        return ""


def as_command(action: str, asset: str, parameters: Sequence[Mapping[str, Any]]) -> str:
    """The same run, on a command line."""
    given = parameters[0] if len(parameters) == 1 else list(parameters)
    words = ["smtp-connector", "run", action, "--asset", asset or "asset.json"]
    if any(parameters):
        words += ["--params", json.dumps(given, ensure_ascii=False)]
    return shlex.join(words)


def as_python(action: str, asset: str, parameters: Sequence[Mapping[str, Any]]) -> str:
    """The same run, from Python."""
    given = parameters[0] if len(parameters) == 1 else list(parameters)
    return (
        "from smtp_connector import act\n\n"
        f"results = act({action!r}, {dict(given) if isinstance(given, Mapping) else given!r}, "
        f"asset={asset or 'asset.json'!r})\n"
        "print(results.status, results.message)\n"
    )


def as_block(action: str, asset: str, parameters: Sequence[Mapping[str, Any]]) -> str:
    """The same run, as the action block of a Splunk SOAR playbook."""
    lines = ["parameters = []", ""]
    for one in parameters:
        lines += ["parameters.append({"]
        lines += [f"    {name!r}: {value!r}," for name, value in one.items()]
        lines += ["})", ""]
    name = action.replace(" ", "_")
    lines += [
        f'phantom.act({action!r}, parameters=parameters, name="{name}_1", assets=[{asset or "your asset"!r}], '
        f"callback={name}_1_callback)"
    ]
    return "\n".join(lines) + "\n"


def _is_digest(value: object) -> bool:
    return isinstance(value, Mapping) and set(value) == {"size", "sha256"}

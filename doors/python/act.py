"""Actions from Python, for playbooks and scripts: `act` runs one as the platform would, and returns its results.

In a playbook, with an asset that was stored as "prod":

    from smtp_connector import act

    results = act("send email", {"to": "jane@example.com", "body": "Hello"}, asset="prod")
    if not results.success:
        for recipient in results[0].refused:
            print(recipient["address"], recipient["reply"])

A call that can't be begun raises `InputError`, `UnknownAction`, `StoreError` or `VaultError`, which
`smtp_connector` exports: nothing was sent then. All else is in the results. Each step is logged, by the logger
`smtp_connector`, at level INFO.
"""

from __future__ import annotations

import logging
import os
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from email.message import Message
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NamedTuple

from delivery.pool import Pool
from host.local import inputs
from host.local.files import reason
from host.local.home import HOME_VARIABLE, Home, Homes
from host.local.inputs import GivenAsset, InputError
from host.local.run import LocalRun, make_request
from host.manifest.model import load
from smtp.transcript import Transcript

_LOG = logging.getLogger("smtp_connector")
_LOG.addHandler(logging.NullHandler())  # a library leaves it to the program where its log goes

_TEXTS = frozenset({"body", "html_body", "text_body", "raw_email", "description"})
_FILES = frozenset({"attachments", *(f"attachment{number}" for number in range(1, 6))})
ParameterSet = Mapping[str, Any] | Message


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one parameter set: the platform's action result.

    `data` and `summary` are laid out as the manifest's data paths say.
    """

    status: str
    message: str
    parameter: dict[str, Any]
    data: list[dict[str, Any]]
    summary: dict[str, Any]

    @property
    def success(self) -> bool:
        """Whether at least one recipient was accepted; for test connectivity, whether all steps went well."""
        return self.status == "success"

    @property
    def outcome(self) -> str:
        """sent, partly sent, not sent or unknown; "" for an action that sends nothing."""
        return str(self.data[0].get("outcome", "")) if self.data else ""

    @property
    def refused(self) -> list[dict[str, Any]]:
        """The recipients that the server refused: address, code, enhanced_code, reply, retryable."""
        recipients = self.data[0].get("recipients", []) if self.outcome else []
        return [recipient for recipient in recipients if recipient["status"] == "refused"]


@dataclass(frozen=True, slots=True)
class Results:
    """The results of one action run in the order of its parameter sets: `results[0]`, `for result in results`."""

    status: str
    message: str
    results: tuple[Result, ...]

    @property
    def success(self) -> bool:
        """Whether every parameter set did what was asked."""
        return self.status == "success" and "failed" not in [result.status for result in self.results]

    def __getitem__(self, index: int) -> Result:
        return self.results[index]

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)


class _Logged(NamedTuple):
    """Goes to the log, and to a function where one was given."""

    told: Callable[[str], None] | None

    def progress(self, text: str) -> None:
        _LOG.info("%s", text)
        if self.told is not None:
            self.told(text)

    def sent(self, octets: int, size: int) -> None:
        """Nobody looks."""

    def session_ended(self, transcript: Transcript) -> None:
        """Nobody looks."""

    def finished(self, success: bool, message: str) -> None:
        """It is in the results."""


def act(
    action: str,
    parameters: ParameterSet | Sequence[ParameterSet],
    asset: str | PathLike[str] | Mapping[str, Any],
    container_id: str | int = "",
    *,
    pool: Pool,
    homes: Homes,
    progress: Callable[[str], None] | None = None,
) -> Results:
    """What `smtp_connector.act` says, over the sessions of `pool` and in the folder of `homes` that is named now."""
    manifest = load()
    home = homes[os.environ.get(HOME_VARIABLE, "")]
    wanted = manifest.by_name[action]
    if isinstance(asset, Mapping):
        given = GivenAsset("", "", "that was given", dict(asset))
    elif isinstance(asset, PathLike):
        path = Path(asset)
        given = GivenAsset("", "", str(path), inputs.json_object(path), path)
    else:
        given = inputs.asset(asset, home)
    if isinstance(parameters, Mapping | Message):
        parameters = [parameters]
    if not parameters:
        raise InputError("parameters: the list of parameter sets is empty, so there is nothing to do.")
    container = str(container_id)  # the platform's are numbers
    if container:
        inputs.container_id(container)
    with ExitStack() as stack:
        sets = [_parameters(one, number, home, stack) for number, one in enumerate(parameters, 1)]
        request = make_request(wanted, given, sets, container, manifest)
        result = LocalRun(request, home, _Logged(progress), pool).perform()
    results = tuple([Result(**one) for one in result["result_data"]])
    return Results(result["status"], result["message"], results)


def _parameters(given: Any, number: int, home: Home, stack: ExitStack) -> dict[str, Any]:
    """The parameter set with JSON's own values. Raises `InputError`, and `VaultError` for a file to attach."""
    if isinstance(given, Message):
        return {"raw_email": _text("raw_email", given)}
    if not isinstance(given, Mapping):
        raise inputs.no_parameter_set(given, f"parameters: item {number} of the list")
    parameters = dict(given)
    transient: list[Mapping[str, Any]] = []
    for name, value in given.items():
        if name in _TEXTS and not isinstance(value, str):
            parameters[name] = _text(name, value)
        elif name in _FILES:
            items = value if isinstance(value, list | tuple) and not _is_pair(value) else [value]
            ids = [_vault_id(item, transient, home, stack) for item in items]
            kept = [vault_id for vault_id in ids if vault_id is not None]
            parameters[name] = kept if isinstance(value, list | tuple) else (kept[0] if kept else None)
    if transient:
        already = parameters.get("transient_files") or []
        if not isinstance(already, list | tuple):
            raise InputError("transient_files: give a list where attachments has octets.")
        parameters["transient_files"] = [*already, *transient]
    return {name: value for name, value in parameters.items() if value is not None}


def _text(name: str, value: object) -> object:
    """A text: from octets, a message, or the file of that path."""
    if isinstance(value, Message):
        # As the wire has it, whatever policy it was made with; Bcc stays, for the envelope.
        value = value.as_bytes(policy=value.policy.clone(linesep="\r\n", max_line_length=None))
    elif isinstance(value, PathLike):
        value = _read(name, Path(value))
    if not isinstance(value, bytes | bytearray):
        return value
    if name == "raw_email":  # its octets come out as they went in, whatever charset they are of
        return bytes(value).decode(errors="surrogateescape")
    try:
        return bytes(value).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not text in UTF-8 (octet {error.start}).") from error


def _vault_id(item: Any, transient: list[Mapping[str, Any]], home: Home, stack: ExitStack) -> object:
    """The vault id of a file; None for a name with octets, which becomes a file of the mail alone."""
    if isinstance(item, PathLike):
        file = home.vault.add(Path(fspath(item)))
        stack.callback(home.vault.take_back, file)
        return file.vault_id
    if _is_pair(item):
        name, octets = item
        transient.append({"name": name, "base64": b64encode(octets).decode("ascii")})
        return None
    if isinstance(item, bytes | bytearray):
        raise InputError("A file that is given as octets needs a name: write (name, octets).")
    return item


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], bytes | bytearray)
    )


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else "it can't be a file's name"
        raise InputError(f"{name}: {str(path)!r:.200} can't be read: {why}.") from error

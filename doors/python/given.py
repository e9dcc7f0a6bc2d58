"""What a program has at hand, as parameters of an action: messages, octets, and files by their path.

A file goes into the vault for as long as the run takes. Everything else stays what it is.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from email.message import Message
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from host.local.files import reason
from host.local.home import Home
from host.local.inputs import InputError

_TEXTS = frozenset({"body", "html_body", "text_body", "raw_email", "description"})
_FILES = frozenset({"attachments", *(f"attachment{number}" for number in range(1, 6))})
ParameterSet = Mapping[str, Any] | Message


@contextmanager
def as_parameters(sets: Sequence[ParameterSet], home: Home) -> Iterator[list[Any]]:
    """The parameter sets with JSON's own values. Raises `InputError`, and `VaultError` for a file to attach."""
    with ExitStack() as stack:
        yield [_parameters(given, home, stack) for given in sets]


def _parameters(given: Any, home: Home, stack: ExitStack) -> Any:
    if isinstance(given, Message):
        return {"raw_email": _text("raw_email", given)}
    if not isinstance(given, Mapping):
        return given  # whoever reads the sets says what is wrong with it
    parameters = dict(given)
    transient: list[Mapping[str, Any]] = []
    for name, value in given.items():
        if name in _TEXTS:
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

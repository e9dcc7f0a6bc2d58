"""`send`: one mail from options instead of JSON. What is asked for becomes the parameters of a send action."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from host.local.files import reason
from host.local.inputs import MAX_JSON, GivenAsset, InputError
from host.local.vault import Vault
from host.manifest.model import Action, Manifest

# option: the parameter that it becomes, as it is
_AS_THEY_ARE = {
    "sender": "from",
    "reply_to": "reply_to",
    "subject": "subject",
    "importance": "importance",
    "in_reply_to": "in_reply_to",
    "key": "idempotency_key",
}
_LISTS = {"to": "to", "cc": "cc", "bcc": "bcc"}


class Mail:
    """A mail as the command line describes it. Raises `InputError` for what can't be read or understood."""

    def __init__(self, arguments: Namespace, manifest: Manifest) -> None:
        self._arguments = arguments
        is_html = arguments.html is not None or bool(arguments.inline)
        self.action: Action = manifest.action("send htmlemail" if is_html else "send email")
        self._attached = [("", _file(path)) for path in arguments.attach]
        self._attached += [_inline(text) for text in arguments.inline]
        self._parameters = self._read()
        self.is_empty = not (is_html or self._attached or self._parameters["body"].strip())

    def over(self, asset: GivenAsset) -> GivenAsset:
        """The asset, with what the command line says about it for this mail alone."""
        redirect_to = getattr(self._arguments, "redirect_to", None)
        return asset._replace(config={**asset.config, "redirect_to": redirect_to}) if redirect_to else asset

    @contextmanager
    def files_in(self, vault: Vault) -> Iterator[dict[str, Any]]:
        """The parameters, while the mail's files are in the vault; afterwards they go. Raises `VaultError`."""
        parameters = dict(self._parameters)
        added = []
        try:
            for _, path in self._attached:
                added.append(vault.add(path))
            wanted = [
                {"vault_id": file.vault_id, **({"content_id": content_id} if content_id else {})}
                for file, (content_id, _) in zip(added, self._attached, strict=True)
            ]
            if wanted and "attachment_json" in self.action.parameters:
                parameters["attachment_json"] = wanted
            elif wanted:
                parameters["attachments"] = [one["vault_id"] for one in wanted]
            yield parameters
        finally:
            for file in added:
                vault.take_back(file)

    def _read(self) -> dict[str, Any]:
        given = self._arguments
        parameters: dict[str, Any] = {}
        for option, name in _AS_THEY_ARE.items():
            if value := getattr(given, option, None):
                parameters[name] = value
        for option, name in _LISTS.items():
            if value := getattr(given, option):
                parameters[name] = value
        if given.header:
            parameters["headers"] = _headers(given.header)
        body = given.body if given.body_file is None else _text(given.body_file)
        if "html_body" not in self.action.parameters:
            parameters["body"] = body or "\n"  # a mail of nothing but attachments has an empty text
            if given.markdown:
                parameters["body_format"] = "markdown"
            return parameters
        if given.html is None:
            raise InputError("--inline shows a file inside HTML: give the HTML with --html FILE.")
        return {**parameters, "html_body": _text(given.html), "text_body": body}


def _headers(lines: list[str]) -> dict[str, Any]:
    """`Name: value` each; a name that is given twice makes a header with two values."""
    headers: dict[str, Any] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise InputError(f"{line!r:.80} is not a header: write 'Name: value'.")
        headers.setdefault(name.strip(), []).append(value.strip())
    return {name: values if len(values) > 1 else values[0] for name, values in headers.items()}


def _inline(text: str) -> tuple[str, Path]:
    content_id, equals, path = text.partition("=")
    if not equals or not content_id:
        raise InputError(f"{text!r:.80} is no inline file: write CONTENT-ID=PATH.")
    return content_id, _file(path)


def _file(text: str) -> Path:
    path = Path(text)
    try:
        if path.is_dir():
            raise InputError(
                f"{text!r:.200} is a folder; attach the files in it one by one, or an archive of it."
            )
        if not path.is_file():
            raise InputError(f"There is no file {text!r:.200} to attach.")
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else "it can't be a file's name"
        raise InputError(f"{text!r:.200} can't be attached: {why}.") from error
    return path


def _text(source: str) -> str:
    """A text file in UTF-8, or standard input for `-`."""
    try:
        if source == "-":
            if sys.stdin is None:
                raise InputError("Standard input is closed.")
            octets = sys.stdin.buffer.read(MAX_JSON + 1)
        else:
            with Path(source).open("rb") as file:
                octets = file.read(MAX_JSON + 1)
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else "it can't be a file's name"
        raise InputError(f"{source!r:.200} can't be read: {why}.") from error
    if len(octets) > MAX_JSON:
        raise InputError(f"{source!r:.200} is larger than {MAX_JSON // 1024 // 1024} MiB.")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{source!r:.200} is not text in UTF-8 (octet {error.start}).") from error

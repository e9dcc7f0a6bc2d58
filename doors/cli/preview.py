"""`preview`: the mail that would be sent, as a reader sees it, as HTML, as the message itself, or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from doors.cli import results
from doors.cli.results import Document
from doors.cli.terminal import Terminal
from host.local.home import Home
from smtp.text import printable


class Preview:
    """Prints the result of one `preview email`. `form` is text, html, eml or json."""

    def __init__(self, form: str, home: Home, terminal: Terminal) -> None:
        self._form = form
        self._home = home
        self._terminal = terminal

    def print(self, document: Document) -> None:
        """Raises `OutputError`, `VaultError`."""
        for failure in results.failures(document):
            self._terminal.fail(failure)
        if document["status"] != "success" or not document["result_data"]:
            return
        (data,) = document["result_data"][0]["data"]
        if "eml" not in data:
            return  # it can't be made, and that was told
        for warning in results.warnings(document):
            self._terminal.warn(warning)
        if self._form == "json":
            self._terminal.print_json(data)
            return
        if self._form == "html":
            self._print_html(data)
        elif self._form == "text":
            self._terminal.print_text("\n".join(printable(line) for line in results.composed(data)))
        else:
            self._terminal.print_octets(self._message(data))
        if data["eml_vault_id"]:
            self._home.vault.remove(data["eml_vault_id"])

    def _print_html(self, data: Mapping[str, Any]) -> None:
        if not data["html"]:
            self._terminal.warn("This mail has no HTML.")
            return
        self._terminal.print_text(data["html"])

    def _message(self, data: Mapping[str, Any]) -> bytes:
        """A large message is in the vault."""
        if not data["eml_vault_id"]:
            octets: bytes = data["eml"].encode()
            return octets
        return self._home.vault.find(data["eml_vault_id"]).path.read_bytes()

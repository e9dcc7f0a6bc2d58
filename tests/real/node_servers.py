"""The mail servers of npm: Haraka, and nodemailer's smtp-server, each with Maildirs that a few lines of ours fill."""

from __future__ import annotations

import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.real.mailboxes import Mailboxes
from tests.real.processes import Daemon, ServerTrouble, free_port

_SOURCES = Path(__file__).parent / "servers"
_MODULES = Path(__file__).parents[2] / ".local" / "servers" / "node_modules"


class NodeServer(ABC):
    """Started on entry, gone on exit. `recipients` have a mailbox each, every other address is refused with 550."""

    def __init__(self, folder: Path, *, recipients: Iterable[str]) -> None:
        self.folder = folder
        self.port = free_port()
        self.mailboxes = Mailboxes(folder / "mailboxes")
        self._recipients = list(recipients)

    def __enter__(self) -> Self:
        if not _MODULES.is_dir():
            raise ServerTrouble("npm's mail servers are not there. `make test-real` installs them.")
        mailboxes = {"folder": str(self.folder / "mailboxes"), "recipients": self._recipients}
        settings = self.folder / "settings.json"
        settings.write_text(json.dumps(mailboxes | {"port": self.port}))
        self._daemon = Daemon(
            self.command(settings),
            log=self.folder / "output.log",
            ports=(self.port,),
            environment={
                "PATH": "/usr/bin:/bin",
                "MAILBOXES": str(settings),
                "MAILBOXES_MODULE": str(_SOURCES / "mailboxes.js"),
            },
        )
        self._daemon.__enter__()
        return self

    @staticmethod
    def wait_until_quiet() -> None:
        """Nothing to wait for: what is answered with 250 is in the mailboxes."""
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._daemon.__exit__(kind, error, trace)

    @abstractmethod
    def command(self, settings: Path) -> list[str]:
        """What starts it; the folder is prepared for it."""


class Nodemailer(NodeServer):
    """smtp-server, in a script that does nothing but keep the mail."""

    def command(self, settings: Path) -> list[str]:
        # Node looks for modules beside the script that asks for them.
        shutil.copy(_SOURCES / "nodemailer.js", self.folder)
        (self.folder / "node_modules").symlink_to(_MODULES)
        return ["node", str(self.folder / "nodemailer.js"), str(settings)]


class Haraka(NodeServer):
    """Haraka with its own defaults, but for one plugin in place of all others."""

    def command(self, settings: Path) -> list[str]:
        config, plugins = self.folder / "config", self.folder / "plugins"
        config.mkdir()
        plugins.mkdir()
        shutil.copy(_SOURCES / "haraka_plugin.js", plugins)
        shutil.copy(_MODULES / "Haraka" / "config" / "connection.ini", config)
        (config / "plugins").write_text("haraka_plugin\n")
        (config / "smtp.ini").write_text(f"listen=127.0.0.1:{self.port}\nnodes=0\n")
        (config / "me").write_text("haraka.example.com\n")
        return ["node", str(_MODULES / "Haraka" / "bin" / "haraka"), "-c", str(self.folder)]

"""A private OpenSMTPD (Debian's package, unpacked): it takes mail for those it knows, and hands it to Postfix."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.real.postfix import Postfix, Service
from tests.real.processes import Daemon, ServerTrouble, free_port, wait_until

_PROGRAM = Path(__file__).parents[2] / ".local" / "opensmtpd" / "usr" / "sbin" / "smtpd"
_SPOOL, _SOCKET = Path("/var/spool/smtpd"), Path("/var/run/smtpd.sock")
"""These two are compiled into it; what else it would need to deliver by itself is so too."""


class OpenSmtpd:
    """Started on entry, gone on exit, with its queue. `recipients` are relayed, everybody else is refused with 550.

    `mailboxes` are those of `postfix` behind it, whose `service` has to accept all of them.
    """

    def __init__(
        self, folder: Path, *, recipients: Iterable[str], postfix: Postfix, service: Service
    ) -> None:
        self._folder = folder
        self._recipients = tuple(recipients)
        self._postfix = postfix
        self._relay_port = postfix.port(service)
        self.mailboxes = postfix.mailboxes
        self.port = free_port()

    def wait_until_quiet(self, seconds: float = 60.0) -> None:
        """Wait until every message that was accepted is in its mailboxes."""
        queue = _SPOOL / "queue"
        wait_until(lambda: not any(queue.glob("*/*")), "OpenSMTPD to have handed on everything", seconds)
        self._postfix.wait_until_quiet(seconds)

    def __enter__(self) -> Self:
        if not _PROGRAM.exists():
            raise ServerTrouble("OpenSMTPD is not there. `make test-real` fetches it.")
        if Path("/usr/sbin/smtpd").exists():
            raise ServerTrouble("An OpenSMTPD is installed here, whose queue the tests would share.")
        self._clear()
        (self._folder / "recipients").write_text("".join(f"{address}\n" for address in self._recipients))
        config = self._folder / "smtpd.conf"
        config.write_text(f"""\
table recipients file:{self._folder}/recipients
listen on 127.0.0.1 port {self.port} hostname opensmtpd.example.com
action "onward" relay host smtp+notls://127.0.0.1:{self._relay_port} helo opensmtpd.example.com
match from any for rcpt-to <recipients> action "onward"
""")
        self._daemon = Daemon(
            [str(_PROGRAM), "-d", "-f", str(config)], log=self._folder / "output.log", ports=(self.port,)
        )
        self._daemon.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._daemon.__exit__(kind, error, trace)
        self._clear()

    @staticmethod
    def _clear() -> None:
        shutil.rmtree(_SPOOL, ignore_errors=True)
        _SOCKET.unlink(missing_ok=True)

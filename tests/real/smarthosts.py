"""Mail servers that hand everything on to a relay: Postfix with a relayhost, Exim with a route to it."""

from __future__ import annotations

import grp
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.real.certificates import KeyPair
from tests.real.exim import _PROGRAM
from tests.real.postfix import Postfix, Service
from tests.real.processes import run

_USER = "mail"
_SUBMISSION = Service()
_CLIENT = "smtp unix - - n - - smtp\nrelay unix - - n - - smtp\n"
_EXIM = """\
exim_path = {program}
exim_user = {user}
exim_group = {group}
never_users =
keep_environment =
spool_directory = {folder}/spool
log_file_path = {folder}/log/%s
primary_hostname = smarthost.example.com
local_interfaces = <; 127.0.0.1
trusted_users = root

begin routers
relay:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = relay

begin transports
relay:
  driver = smtp
  port = {port}
  allow_localhost
"""


class PostfixSmarthost(Postfix):
    """A Postfix that has no mailboxes and takes mail for everybody; all of it goes to the relay on `relay_port`."""

    def __init__(self, folder: Path, certificate: KeyPair, relay_port: int) -> None:
        super().__init__(folder, certificate, [_SUBMISSION], domains=(), recipients=(), refusals={})
        self._relay_port = relay_port

    @property
    def submission_port(self) -> int:
        return self.port(_SUBMISSION)

    def __enter__(self) -> Self:
        super().__enter__()
        with (self._config / "master.cf").open("a") as services:
            services.write(_CLIENT)
        run(["postfix", "-c", str(self._config), "reload"])
        return self

    def _main(self) -> str:
        settings = super()._main().replace("smtpd_relay_restrictions = reject_unauth_destination\n", "")
        return (
            f"{settings}relayhost = [127.0.0.1]:{self._relay_port}\n"
            "mynetworks = 127.0.0.0/8\nsmtpd_relay_restrictions = permit_mynetworks, reject\n"
            "smtp_dns_support_level = disabled\n"
        )


def _group() -> int:
    return grp.getgrnam(_USER).gr_gid


class EximSmarthost:
    """Exim, called once for each mail."""

    def __init__(self, folder: Path, relay_port: int) -> None:
        for name in ("spool", "log"):
            (folder / name).mkdir()
            shutil.chown(folder / name, _USER, _USER)
        self._config = folder / "exim.conf"
        self._config.write_text(
            _EXIM.format(program=_PROGRAM, user=_USER, group=_group(), folder=folder, port=relay_port)
        )
        self._folder = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """There is nothing that runs."""

    @property
    def is_empty(self) -> bool:
        """Whether it has nothing left to deliver."""
        return not any((self._folder / "spool" / "input").glob("*"))

    def send(self, sender: str, recipient: str, message: bytes) -> None:
        """Have one mail delivered at once."""
        command = [str(_PROGRAM), "-C", str(self._config), "-odi", "-oi", "-f", sender, recipient]
        subprocess.run(
            command, input=message.replace(b"\r\n", b"\n"), check=True, timeout=60, capture_output=True
        )

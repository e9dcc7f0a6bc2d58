"""A private Exim (Debian's package, unpacked rather than installed: only one mail server can be)."""

from __future__ import annotations

import pwd
import shutil
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.real.certificates import KeyPair
from tests.real.mailboxes import Mailboxes
from tests.real.processes import Daemon, ServerTrouble, free_ports, wait_until

_PROGRAM = Path(__file__).parents[2] / ".local" / "exim" / "usr" / "sbin" / "exim4"
_MAILBOX_USER = "mail"


class Exim:
    """Started on entry with a port for each TLS mode ("plain", "starttls", "ssl"), gone on exit.

    `recipients` have a mailbox each, `deferred` are answered 421, after which Exim goes on as if it had been any
    other 4xx; every other address is refused with 550. Exim checks that a client waits where it has to: one that
    sends ahead without having been offered PIPELINING is cut off.
    """

    def __init__(
        self,
        folder: Path,
        certificate: KeyPair,
        *,
        recipients: Iterable[str],
        deferred: Iterable[str] = (),
    ) -> None:
        self._folder = folder
        self._certificate = certificate
        self._recipients = tuple(recipients)
        self._deferred = tuple(deferred)
        self.ports: dict[str, int] = {}
        self.mailboxes = Mailboxes(folder / "mailboxes")

    @property
    def log(self) -> str:
        return (self._folder / "log" / "main").read_text(errors="replace")

    def wait_until_quiet(self, seconds: float = 60.0) -> None:
        """Wait until every message that was accepted is in its mailboxes."""
        queue = self._folder / "spool" / "input"
        wait_until(lambda: not any(queue.glob("*")), "Exim to have delivered everything", seconds)

    def __enter__(self) -> Self:
        if not _PROGRAM.exists():
            raise ServerTrouble("Exim is not there. `make test-real` fetches it.")
        for name in ("spool", "log", "mailboxes"):
            (self._folder / name).mkdir()
            shutil.chown(self._folder / name, _MAILBOX_USER, _MAILBOX_USER)
        # Exim gives up root before it reads its key.
        key = shutil.copy(self._certificate.key, self._folder / "exim.key")
        shutil.chown(key, _MAILBOX_USER)
        self.ports = dict(zip(("plain", "starttls", "ssl"), free_ports(3), strict=True))
        (self._folder / "recipients").write_text(
            "".join(f"{address}: {address}\n" for address in self._recipients)
        )
        (self._folder / "deferred").write_text("".join(f"{address}\n" for address in self._deferred))
        config = self._folder / "exim.conf"
        config.write_text(self._main() + _BEHAVIOUR.format(folder=self._folder, user=_MAILBOX_USER))
        self._daemon = Daemon(
            [str(_PROGRAM), "-C", str(config), "-bdf", "-q1m"],
            log=self._folder / "output.log",
            ports=tuple(self.ports.values()),
        )
        self._daemon.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._daemon.__exit__(kind, error, trace)

    def _main(self) -> str:
        group = pwd.getpwnam(_MAILBOX_USER).pw_gid
        return f"""\
exim_path = {_PROGRAM}
exim_user = {_MAILBOX_USER}
exim_group = {group}
never_users =
keep_environment =
deliver_drop_privilege = yes
spool_directory = {self._folder}/spool
log_file_path = {self._folder}/log/%s
pid_file_path = {self._folder}/spool/exim.pid
primary_hostname = exim.example.com
local_interfaces = 127.0.0.1
daemon_smtp_ports = {" : ".join(map(str, self.ports.values()))}
tls_on_connect_ports = {self.ports["ssl"]}
tls_advertise_hosts = ${{if eq{{$received_port}}{{{self.ports["starttls"]}}}{{*}}{{}}}}
tls_certificate = {self._certificate.certificate}
tls_privatekey = {self._folder}/exim.key
"""


_BEHAVIOUR = """\
host_lookup =
# Deliver at once, however many messages come on one connection.
smtp_accept_queue_per_connection = 0
smtputf8_advertise_hosts = *
message_size_limit = 60M
acl_smtp_rcpt = judge_recipient
acl_smtp_data = accept

begin acl
judge_recipient:
  defer  condition = ${{lookup{{$local_part@$domain}}lsearch{{{folder}/deferred}}{{yes}}{{no}}}}
         message = 421 4.3.2 no answer about this one now
  accept condition = ${{lookup{{$local_part@$domain}}lsearch{{{folder}/recipients}}{{yes}}{{no}}}}
  deny   message = no such user

begin routers
mailbox:
  driver = accept
  # Exim takes a folder's name from its own table only, never from the address as it came.
  address_data = ${{lookup{{$local_part@$domain}}lsearch{{{folder}/recipients}}}}
  transport = maildir

begin transports
maildir:
  driver = appendfile
  directory = {folder}/mailboxes/$address_data
  maildir_format
  create_directory
  delivery_date_add
  envelope_to_add
  return_path_add
  user = {user}
"""

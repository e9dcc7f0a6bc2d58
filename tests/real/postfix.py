"""A private Postfix (Debian's package): its own configuration, queue, log, certificate and ports in one folder."""

from __future__ import annotations

import contextlib
import pwd
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.real.certificates import KeyPair
from tests.real.mailboxes import Mailboxes
from tests.real.processes import ServerTrouble, free_ports, listens, run, wait_until

SIZE_LIMIT = 60 * 1024 * 1024
_MAILBOX_USER = "mail"

_DAEMONS = """\
cleanup    unix  n  -  n  -     0  cleanup
qmgr       unix  n  -  n  300   1  qmgr
tlsmgr     unix  -  -  n  1000? 1  tlsmgr
rewrite    unix  -  -  n  -     -  trivial-rewrite
bounce     unix  -  -  n  -     0  bounce
defer      unix  -  -  n  -     0  bounce
trace      unix  -  -  n  -     0  bounce
proxymap   unix  -  -  n  -     -  proxymap
anvil      unix  -  -  n  -     1  anvil
error      unix  -  -  n  -     -  error
retry      unix  -  -  n  -     -  error
discard    unix  -  -  n  -     -  discard
virtual    unix  -  n  n  -     -  virtual
postlog    unix-dgram n - n -   1  postlogd
"""


@dataclass(frozen=True)
class Service:
    """One port of the server. `without` are the EHLO keywords that it does not offer, in lower case.

    `login` asks for authentication (Dovecot answers for it) and takes mail from nobody else, `mechanisms` filters
    what may be used; `recipient_limit` is how many recipients one transaction may have (452 4.5.3 beyond);
    `error_limits` are Postfix's own: slow from 10 errors of a session on, 421 and the end of it at 20.
    """

    tls: str = "plain"
    without: tuple[str, ...] = ()
    smtputf8: bool = True
    login: bool = False
    mechanisms: str = "!external, static:rest"
    recipient_limit: int = 1000
    error_limits: bool = False

    def __post_init__(self) -> None:
        assert self.tls in ("plain", "starttls", "ssl")

    def line(self, port: int) -> str:
        """Its line in master.cf."""
        options = {
            "smtpd_tls_wrappermode": "yes" if self.tls == "ssl" else "no",
            "smtpd_tls_security_level": "none" if self.tls == "plain" else "encrypt",
            "smtpd_discard_ehlo_keywords": ",".join(self.without),
            "smtputf8_enable": "yes" if self.smtputf8 else "no",
            "smtpd_sasl_auth_enable": "yes" if self.login else "no",
            "smtpd_client_restrictions": "permit_sasl_authenticated,reject" if self.login else "",
            "smtpd_sasl_mechanism_filter": self.mechanisms.replace(" ", ""),
            "smtpd_recipient_limit": str(self.recipient_limit),
            # Refused recipients are what is tested: elsewhere they are not to slow a session down or to end it.
            "smtpd_error_sleep_time": "1s" if self.error_limits else "0",
            "smtpd_soft_error_limit": "10" if self.error_limits else "1000",
            "smtpd_hard_error_limit": "20" if self.error_limits else "1000",
            "syslog_name": f"postfix/{port}",
        }
        written = "".join(f" -o {name}={value}" for name, value in options.items())
        return f"127.0.0.1:{port} inet n - n - - smtpd{written}\n"


class Postfix:
    """Started on entry with a port for each of `services`, stopped on exit.

    `recipients` have a mailbox each; `refusals` maps further recipients to the reply that they get; any other
    recipient of `domains` is unknown (550 5.1.1), and every other domain is relay denied (554 5.7.1).
    """

    def __init__(
        self,
        folder: Path,
        certificate: KeyPair,
        services: Iterable[Service],
        *,
        domains: Sequence[str],
        recipients: Iterable[str],
        refusals: Mapping[str, str],
    ) -> None:
        self._folder = folder
        self._config = folder / "config"
        self._queue = folder / "queue"
        self._log = folder / "log"
        self._certificate = certificate
        self._services = tuple(services)
        self._domains = domains
        self._recipients = tuple(recipients)
        self._refusals = refusals
        self._ports: dict[Service, int] = {}
        self.mailboxes = Mailboxes(folder / "mailboxes")

    def port(self, service: Service) -> int:
        return self._ports[service]

    @property
    def auth_socket(self) -> Path:
        """Where it expects Dovecot to answer for logins."""
        return self._queue / "private" / "auth"

    @property
    def log(self) -> str:
        return (self._log / "mail.log").read_text(errors="replace")

    def log_of(self, queue_id: str) -> list[str]:
        """The lines of the log about one message."""
        return [line for line in self.log.splitlines() if f" {queue_id}: " in line]

    def sessions(self, service: Service) -> list[dict[str, str] | None]:
        """The sessions of a port, in the order in which they began: how often each command was given, "2/5" for 2
        of 5 accepted. None stands for one that has not ended: Postfix writes that down some time after the client.
        """
        said = rf"postfix/{self._ports[service]}/smtpd\[(\d+)\]: (dis)?connect from \S+ ?(.*)"
        sessions: list[dict[str, str] | None] = []
        current: dict[str, int] = {}
        for process, ended, counts in re.findall(said, self.log):
            if ended:
                sessions[current[process]] = dict(count.split("=") for count in counts.split())
            else:
                current[process] = len(sessions)
                sessions.append(None)
        return sessions

    def next_session(self, service: Service, after: int) -> dict[str, str]:
        """The session that follows the first `after` ones on that port, waited for."""

        def has_ended() -> bool:
            return any(self.sessions(service)[after : after + 1])

        wait_until(has_ended, "the session to end in Postfix's log")
        session = self.sessions(service)[after]
        assert session is not None
        return session

    def wait_until_quiet(self, seconds: float = 120.0) -> None:
        """Wait until every session is over and every message that was accepted is in its mailboxes."""
        wait_until(self._is_quiet, "Postfix to have delivered everything", seconds)

    def _is_quiet(self) -> bool:
        log = self.log
        if log.count("]: connect from ") != log.count("]: disconnect from "):
            return False
        return run(["postqueue", "-c", str(self._config), "-p"]).startswith("Mail queue is empty")

    def __enter__(self) -> Self:
        for folder in (
            self._config,
            self._queue,
            self._log,
            self._folder / "data",
            self._folder / "mailboxes",
        ):
            folder.mkdir()
        shutil.chown(self._folder / "data", "postfix")
        shutil.chown(self._folder / "mailboxes", _MAILBOX_USER)
        self._write_maps()
        self._ports = dict(zip(self._services, free_ports(len(self._services)), strict=True))
        (self._config / "main.cf").write_text(self._main())
        lines = (service.line(port) for service, port in self._ports.items())
        (self._config / "master.cf").write_text("".join(lines) + _DAEMONS)
        try:
            run(["postfix", "-c", str(self._config), "start"])
            wait_until(lambda: all(map(listens, self._ports.values())), "Postfix to listen")
        except ServerTrouble as exc:
            with contextlib.suppress(ServerTrouble):
                self._stop()
            log = self._log / "mail.log"
            raise ServerTrouble(f"{exc}\n{log.read_text() if log.exists() else ''}") from exc
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        run(["postfix", "-c", str(self._config), "stop"])

    def _write_maps(self) -> None:
        boxes = "".join(f"{address} {address}/\n" for address in self._recipients)
        (self._config / "mailboxes").write_text(boxes)
        refusals = "".join(f"{address} {reply}\n" for address, reply in self._refusals.items())
        (self._config / "refusals").write_text(refusals)

    def _main(self) -> str:
        """Everything that is not Postfix's default, and why where it isn't plain."""
        user = pwd.getpwnam(_MAILBOX_USER)
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": self._queue,
            "data_directory": self._folder / "data",
            "command_directory": "/usr/sbin",
            "daemon_directory": "/usr/lib/postfix/sbin",
            "maillog_file": self._log / "mail.log",
            "maillog_file_prefixes": self._log,
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "smtpd_peername_lookup": "no",
            "myhostname": "mail.example.com",
            "mydestination": "",
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            "virtual_mailbox_domains": ",".join(self._domains),
            "virtual_mailbox_maps": f"texthash:{self._config}/mailboxes",
            "virtual_mailbox_base": self._folder / "mailboxes",
            "virtual_mailbox_limit": "0",
            "virtual_minimum_uid": "1",
            "virtual_uid_maps": f"static:{user.pw_uid}",
            "virtual_gid_maps": f"static:{user.pw_gid}",
            "mailbox_size_limit": "0",
            "message_size_limit": str(SIZE_LIMIT),
            # What arrives is to be delivered as it is, without a Date or From that Postfix would add.
            "local_header_rewrite_clients": "",
            "smtpd_relay_restrictions": "reject_unauth_destination",
            "smtpd_recipient_restrictions": f"check_recipient_access texthash:{self._config}/refusals",
            # A client that pipelines unasked, or sends a line that does not end in CRLF, is to fail its test.
            "smtpd_forbid_unauth_pipelining": "yes",
            "smtpd_forbid_bare_newline": "reject",
            "smtpd_forbid_bare_newline_exclusions": "",
            "smtpd_tls_cert_file": self._certificate.certificate,
            "smtpd_tls_key_file": self._certificate.key,
            "smtpd_tls_received_header": "yes",
            "smtpd_tls_auth_only": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": "private/auth",
            "smtpd_sasl_authenticated_header": "yes",
        }
        return "".join(f"{name} = {value}\n" for name, value in settings.items())

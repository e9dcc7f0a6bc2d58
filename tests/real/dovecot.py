"""A private Dovecot (Debian's package): it judges logins, for its own submission service and for Postfix's."""

from __future__ import annotations

import pwd
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.real.certificates import Certificates, KeyPair
from tests.real.processes import Daemon, free_ports

ALL_MECHANISMS = "plain login cram-md5 scram-sha-1 scram-sha-256 xoauth2 oauthbearer external"


@dataclass(frozen=True)
class User:
    name: str
    password: str


@dataclass(frozen=True)
class Introspection:
    """Where Dovecot asks whether an access token is good (RFC 7662), and who it is to that endpoint."""

    url: str
    authority: Path


class Dovecot:
    """Started on entry, gone on exit. `port` takes mail after STARTTLS, `tls_port` inside TLS from the first byte.

    It offers `mechanisms`; accepted mail is handed to the server at `relay_port`. Where `auth_socket` is given,
    Postfix asks there. A user may also come in with a certificate of the authority in his name (EXTERNAL).
    """

    def __init__(
        self,
        folder: Path,
        certificates: Certificates,
        server: KeyPair,
        users: Iterable[User],
        *,
        relay_port: int,
        mechanisms: str = ALL_MECHANISMS,
        auth_socket: Path | None = None,
        introspection: Introspection | None = None,
    ) -> None:
        self._folder = folder
        self._authority = certificates.certificate
        self._server = server
        self._users = tuple(users)
        self._relay_port = relay_port
        self._mechanisms = mechanisms
        self._auth_socket = auth_socket
        self._introspection = introspection

    @property
    def log(self) -> str:
        return (self._folder / "dovecot.log").read_text(errors="replace")

    def __enter__(self) -> Self:
        self.port, self.tls_port = free_ports(2)
        (self._folder / "passwords").write_text(
            "".join(f"{u.name}:{{PLAIN}}{u.password}\n" for u in self._users)
        )
        certified = "".join(f"{user.name}:::::::nopassword\n" for user in self._users)
        (self._folder / "certified").write_text(certified)
        if self._introspection:
            (self._folder / "oauth2.conf").write_text(_oauth2(self._introspection))
        config = self._folder / "dovecot.conf"
        config.write_text(self._main() + self._services() + self._passwords())
        self._daemon = Daemon(
            ["dovecot", "-F", "-c", str(config)],
            log=self._folder / "output.log",
            ports=[self.port, self.tls_port],
        )
        self._daemon.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._daemon.__exit__(kind, error, trace)

    def _main(self) -> str:
        user = pwd.getpwnam("mail")
        return f"""\
protocols = submission
base_dir = {self._folder}/run
state_dir = {self._folder}/state
log_path = {self._folder}/dovecot.log
auth_verbose = yes
hostname = submission.example.com
mail_location = maildir:{self._folder}/mail/%u
userdb {{
  driver = static
  args = uid={user.pw_uid} gid={user.pw_gid} home={self._folder}/mail/%u
}}
first_valid_uid = 1
ssl = required
ssl_cert = <{self._server.certificate}
ssl_key = <{self._server.key}
ssl_ca = <{self._authority}
ssl_require_crl = no
ssl_verify_client_cert = yes
auth_ssl_username_from_cert = yes
auth_mechanisms = {self._mechanisms}
auth_username_format = %Lu
auth_failure_delay = 0
auth_cache_size = 0
submission_relay_host = 127.0.0.1
submission_relay_port = {self._relay_port}
submission_relay_trusted = no
"""

    def _services(self) -> str:
        for_postfix = f"""\
  unix_listener {self._auth_socket} {{
    mode = 0660
    user = postfix
    group = postfix
  }}
"""
        return f"""\
service submission-login {{
  inet_listener submission {{
    address = 127.0.0.1
    port = {self.port}
  }}
  inet_listener submissions {{
    address = 127.0.0.1
    port = {self.tls_port}
    ssl = yes
  }}
}}
service auth {{
{for_postfix if self._auth_socket else ""}}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""

    def _passwords(self) -> str:
        """Each way in is looked up in its own table, so that no mechanism can borrow another's."""
        blocks = f"""\
passdb {{
  driver = passwd-file
  mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
  args = {self._folder}/passwords
}}
passdb {{
  driver = passwd-file
  mechanisms = external
  args = {self._folder}/certified
}}
"""
        if self._introspection:
            blocks += f"""\
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {self._folder}/oauth2.conf
}}
"""
        return blocks


Submission = Callable[[Introspection], AbstractContextManager[Dovecot]]
"""Starts a submission server that asks there about tokens."""


def _oauth2(introspection: Introspection) -> str:
    return f"""\
introspection_mode = post
introspection_url = {introspection.url}
username_attribute = username
active_attribute = active
active_value = true
force_introspection = yes
tls_ca_cert_file = {introspection.authority}
timeout_msecs = 5000
"""

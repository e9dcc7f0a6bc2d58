"""Postfix's own queue: each mail is given to `sendmail`, and a private Postfix relays it, with its defaults.

It promises what a queue promises: a mail that `sendmail` took is on the disk, and is tried until it is delivered or
returned. What became of which is in its log alone, and a mail may come twice.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.mails import SENDER
from benchmarks.peers.with_smtplib import compose
from benchmarks.result import Unavailable
from tests.real.processes import ServerTrouble, public_folder, run

SUBMITTERS = 4
"""Processes of `sendmail` at a time."""
_DAEMONS = """\
pickup     unix  n  -  n  60    1  pickup
cleanup    unix  n  -  n  -     0  cleanup
qmgr       unix  n  -  n  300   1  qmgr
rewrite    unix  -  -  n  -     -  trivial-rewrite
bounce     unix  -  -  n  -     0  bounce
defer      unix  -  -  n  -     0  bounce
trace      unix  -  -  n  -     0  bounce
flush      unix  n  -  n  1000? 0  flush
smtp       unix  -  -  n  -     -  smtp
retry      unix  -  -  n  -     -  error
error      unix  -  -  n  -     -  error
scache     unix  -  -  n  -     1  scache
anvil      unix  -  -  n  -     1  anvil
postlog    unix-dgram n - n -   1  postlogd
"""


class Queue:
    """A Postfix that relays all it is given to a port of this machine. `master` is the process above all its others."""

    def __init__(self, config: Path, master: int) -> None:
        self._config = config
        self.master = master

    def submit(self, mails: Iterable[Mapping[str, str]]) -> None:
        """Give it these mails; they are in its queue then."""
        with ThreadPoolExecutor(SUBMITTERS) as threads:
            for _ in threads.map(self._submit, mails):
                pass

    def _submit(self, mail: Mapping[str, str]) -> None:
        command = ["/usr/sbin/sendmail", "-C", str(self._config), "-i", "-f", SENDER, mail["to"]]
        subprocess.run(command, input=compose(mail).as_bytes(), check=True, timeout=60)


@contextmanager
def queue(port: int) -> Iterator[Queue]:
    """It lies on the disk, as the connector's ledger does."""
    if os.getuid() != 0:
        raise Unavailable("a private Postfix needs root")
    try:
        with public_folder("smtp-connector-") as folder:
            config = folder / "config"
            for name in ("config", "queue", "data", "log"):
                (folder / name).mkdir()
            subprocess.run(["chown", "postfix", str(folder / "data")], check=True)
            (config / "main.cf").write_text(_main(folder, port))
            (config / "master.cf").write_text(_DAEMONS)
            run(["postfix", "-c", str(config), "start"])
            try:
                yield Queue(config, int((folder / "queue" / "pid" / "master.pid").read_text()))
            finally:
                run(["postfix", "-c", str(config), "stop"])
    except (ServerTrouble, FileNotFoundError) as error:
        raise Unavailable(f"a private Postfix needs Debian's package: {error}") from error


def _main(folder: Path, port: int) -> str:
    settings = {
        "compatibility_level": "3.6",
        "queue_directory": folder / "queue",
        "data_directory": folder / "data",
        "command_directory": "/usr/sbin",
        "daemon_directory": "/usr/lib/postfix/sbin",
        "maillog_file": folder / "log" / "mail.log",
        "maillog_file_prefixes": folder / "log",
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "myhostname": "mail.example.org",
        "mydestination": "",
        "alias_maps": "",
        "alias_database": "",
        "relayhost": f"[127.0.0.1]:{port}",
    }
    return "".join(f"{name} = {value}\n" for name, value in settings.items())

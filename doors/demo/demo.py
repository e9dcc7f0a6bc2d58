"""`demo`: everything at work without a mail server of one's own, and checked. Leaves nothing behind."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from delivery.pool import Pool
from doors.demo.mails import ATTACHMENT, ATTACHMENT_NAME, Scene, parts, picture, read, scenes, text_of
from doors.demo.server import USERNAME, DemoServer, Mail
from host.local.home import Home
from host.local.inputs import stored_asset
from host.local.results import succeeded
from host.local.run import LocalRun, make_request
from host.manifest.model import Manifest, load
from smtp.text import printable
from smtp.transcript import Transcript


def demo(pool: Pool) -> int:
    """Returns the exit code: 0 only if all that was sent has arrived as it should."""
    with _ended_like_an_interrupt(), TemporaryDirectory(prefix="smtp-connector-demo-") as folder:
        home = Home(Path(folder) / "home")
        with DemoServer() as server:
            stage = Stage(pool, home, server)
            stage.describe()
            for scene in scenes(*_fill(home)):
                stage.play(scene)
    return stage.end()


PROGRAM = "smtp-connector" if __name__.startswith("smtp_connector.") else ".venv/bin/python smtp_connector.py"
PICTURED = "send email"
WIDTH, LINES = 78, 12
NEXT = f"""\
Where to go next, with a mailbox of your own:
  {PROGRAM} asset add me --email me@example.com --set password=@prompt
  {PROGRAM} asset test me
  {PROGRAM} send --asset me --to jane@example.com --subject Hello --body "It works."
  {PROGRAM} --help, or {PROGRAM} explain operation"""


class Stage:
    """Plays the scenes, shows them, and counts what was right and wrong."""

    def __init__(self, pool: Pool, home: Home, server: DemoServer) -> None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")  # a check mark is no reason to fail in an old locale
        self._console = Console(highlight=False, markup=False, soft_wrap=True)
        self._pool = pool
        self._manifest: Manifest = load()
        self._home = home
        self._server = server
        self._right = 0
        self._wrong = 0
        self._pictured: EmailMessage | None = None
        home.assets.add("demo", server.asset)

    def describe(self) -> None:
        asset = self._server.asset
        where = f"{asset['server']}:{asset['port']}"
        self._print("SMTP connector: a demonstration", "bold")
        self._print(f"It has a mail server of its own at {where}, with STARTTLS and a login as {USERNAME}.")
        self._print("Its asset, its files and its recorded runs are in a temporary folder.")

    def play(self, scene: Scene) -> None:
        """Run the action, show the result and what arrived, and check both."""
        self._print(f"\n{scene.action}: {scene.shows}", "bold cyan")
        action, asset = self._manifest.action(scene.action), stored_asset("demo", self._home)
        request = make_request(action, asset, [scene.parameters], "", self._manifest)
        result = LocalRun(request, self._home, self, self._pool).perform()
        self._print(f"  result: {result['status']}, {result['message']}")
        self._check("the connector reports success", succeeded(result))
        mails = self._server.take()
        self._check("one mail arrived", len(mails) == 1)
        for mail in mails:
            self._arrived(scene, mail)

    def progress(self, text: str) -> None:
        self._print(f"  {text}", "dim")

    def sent(self, octets: int, size: int) -> None:
        """The demo's mails are small."""

    def session_ended(self, transcript: Transcript) -> None:
        """The demo shows what arrived instead."""

    def finished(self, success: bool, message: str) -> None:
        """The result is shown as a whole."""

    def end(self) -> int:
        if self._wrong:
            self._print(f"\n{self._wrong} of {self._right + self._wrong} checks failed.", "bold red")
            return 1
        self._print(f"\nAll {self._right} checks passed. Nothing was left behind.", "bold green")
        if self._pictured is not None:
            self._print("\nOne of the mails, as its reader sees it:")
            lines = (printable(line) for line in reader_sees(self._pictured))
            width = min(WIDTH, self._console.width)
            self._console.print(Panel(Text("\n".join(lines)), width=width), soft_wrap=False)
        self._print(f"\n{NEXT}")
        return 0

    def _arrived(self, scene: Scene, mail: Mail) -> None:
        message = read(mail)
        if scene.action == PICTURED:
            self._pictured = message
        self._print(f"  arrived: {len(mail.content):,} octets over {mail.tls}")
        for name in ("From", "To", "Cc", "Subject"):
            if message[name]:
                self._print(f"    {name}: {message[name]}")
        for kind, name, content in parts(message):
            self._print(f"    {kind:26} {len(content):>8,} octets  {name}".rstrip())
        self._check("it came encrypted, after the login", bool(mail.tls) and mail.username == USERNAME)
        self._check(
            "the envelope names each recipient once", sorted(mail.recipients) == sorted(scene.recipients)
        )
        for text, good in scene.checks(mail, message):
            self._check(text, good)

    def _check(self, text: str, good: bool) -> None:
        self._right += good
        self._wrong += not good
        self._print(f"  {'✓' if good else '✗ NOT SO:'} {text}", "green" if good else "bold red")

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(Text("\n".join(printable(line) for line in text.split("\n")), style))


def reader_sees(message: EmailMessage) -> Iterator[str]:
    """The headers, the text and the names of the files of a mail that has arrived; long lines are cut."""
    for name in ("From", "To", "Subject"):
        yield f"{name}: {message[name]}"
    yield ""
    for line in text_of(message, "text/plain").splitlines()[:LINES]:
        yield line if len(line) < WIDTH - 4 else f"{line[: WIDTH - 6]} …"
    for kind, name, content in parts(message):
        if name:
            yield f"[{name}, {kind}, {len(content):,} octets]"


def _fill(home: Home) -> tuple[str, str]:
    """Put the demo's files into the vault; returns their ids."""
    ids = []
    for name, content in (("warning.png", picture()), (ATTACHMENT_NAME, ATTACHMENT)):
        ids.append(home.vault.add_new(name, [content]).vault_id)
    return ids[0], ids[1]


@contextmanager
def _ended_like_an_interrupt() -> Iterator[None]:
    """Let SIGTERM unwind as Ctrl-C does, so that server and files go away then, too."""

    def interrupt(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

"""One connection of the scripted server, from the banner to the end."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from contextlib import suppress

from tests.support.authority import authority
from tests.support.scripted.log import Log
from tests.support.scripted.logins import MECHANISMS, Exchange
from tests.support.scripted.settings import Settings, Step
from tests.support.scripted.speaker import Speaker
from tests.support.scripted.transaction import Transactions
from tests.support.scripted.wire import Gone, Wire

END_A_GROUP = frozenset({"EHLO", "HELO", "DATA", "VRFY", "NOOP", "QUIT", "STARTTLS", "AUTH"})
"""After these a client waits even with PIPELINING (RFC 2920 section 3.1, RFC 3207, RFC 4954)."""
MAX_COMMAND = 1024
MAX_AUTH_COMMAND = 512


class Dialogue:
    """Serves one client until either side has had enough."""

    def __init__(self, wire: Wire, settings: Settings, log: Log) -> None:
        self._wire = wire
        self._settings = settings
        self._log = log
        self._speaker = Speaker(wire, settings, log)
        self._transactions = Transactions(wire, self._speaker, settings, log)
        self._greeted = False
        self._commands: Mapping[str, Callable[[str], None]] = {
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._transactions.rcpt,
            "DATA": lambda _: self._transactions.data(),
            "BDAT": self._transactions.bdat,
            "RSET": self._rset,
            "NOOP": lambda _: self._plainly(Step.NOOP, b"250 2.0.0 OK\r\n"),
            "VRFY": lambda _: self._plainly(Step.VRFY, settings.vrfy),
            "QUIT": self._quit,
        }

    def run(self) -> None:
        """Returns when the connection is over and closed."""
        with suppress(Gone):
            self._serve()
        self._wire.close()

    def _serve(self) -> None:
        fault = self._speaker.strike(Step.CONNECT)
        if fault:
            self._speaker.commit(fault, b"")
        if self._settings.tls == "ssl":
            self._handshake()
        self._speaker.answer(Step.BANNER, b"220 scripted.test ESMTP ready\r\n")
        while True:
            self._serve_one(self._wire.line())

    def _serve_one(self, line: bytes) -> None:
        self._log.commands.append((self._wire.number, line))
        verb = line.split(b" ")[0].split(b":")[0].decode("ascii", "replace").upper()
        self._look_at(verb, line)
        try:
            text = line.decode()
        except UnicodeDecodeError:
            verb, text = "", ""
        command = self._commands.get(verb)
        if self._transactions.wants_rset and verb not in ("RSET", "QUIT"):
            self._speaker.say(b"503 5.5.1 RSET first\r\n")
        elif command is None:
            self._log.complain(f"not a command: {line[:60]!r}")
            self._speaker.say(b"500 5.5.2 not a command\r\n")
        else:
            command(text)

    def _look_at(self, verb: str, line: bytes) -> None:
        limit = MAX_AUTH_COMMAND if verb == "AUTH" else MAX_COMMAND
        if len(line) + 2 > limit:
            self._log.complain(f"{verb} line of {len(line) + 2} octets")
        if verb == "BDAT":
            return
        if (verb in END_A_GROUP or not self._settings.pipelining) and self._wire.has_more:
            self._log.complain(f"more was sent before the reply to {verb}")

    def _plainly(self, step: Step, reply: bytes) -> None:
        self._speaker.answer(step, reply)

    # -- hello -----------------------------------------------------------------------------------------

    def _ehlo(self, text: str) -> None:
        step = Step.EHLO_AFTER_TLS if self._wire.tls and self._settings.tls == "starttls" else Step.EHLO
        lines = ["scripted.test greets you", *self._capabilities()]
        reply = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
        self._speaker.answer(step, reply.encode(), self._greet)

    def _helo(self, text: str) -> None:
        self._speaker.answer(Step.HELO, b"250 scripted.test\r\n", self._greet)

    def _greet(self) -> None:
        self._greeted = True
        self._transactions.forget()

    def _capabilities(self) -> list[str]:
        settings = self._settings
        clear_before_tls = settings.tls == "starttls" and not self._wire.tls
        flags = {
            "PIPELINING": settings.pipelining,
            "CHUNKING": settings.chunking,
            "8BITMIME": settings.eight_bit,
            "SMTPUTF8": settings.smtputf8,
            "ENHANCEDSTATUSCODES": settings.enhanced,
            "STARTTLS": clear_before_tls,
            f"SIZE {settings.size}": settings.size is not None,
            f"LIMITS {settings.limits}": bool(settings.limits),
            f"AUTH {' '.join(settings.auth)}": bool(settings.auth) and not clear_before_tls,
        }
        return [
            *(line for line, offered in flags.items() if offered),
            *settings.extra,
            *(settings.before_tls if clear_before_tls else ()),
        ]

    # -- TLS -------------------------------------------------------------------------------------------

    def _starttls(self, text: str) -> None:
        if self._settings.tls != "starttls" or self._wire.tls:
            self._log.complain("STARTTLS was not offered")
            self._speaker.say(b"502 5.5.1 not offered\r\n")
            return
        if self._speaker.answer(Step.STARTTLS, b"220 2.0.0 go ahead\r\n"):
            self._greeted = False
            self._transactions.forget()
            self._handshake()

    def _handshake(self) -> None:
        if self._wire.take_unread():
            self._log.complain("octets between STARTTLS and the handshake")
        fault = self._speaker.strike(Step.TLS)
        if fault:
            self._wire.at_least(1)
            self._speaker.commit(fault, b"")
            raise Gone
        self._wire.start_tls(self._settings.context or authority().good)

    # -- logging in ------------------------------------------------------------------------------------

    def _auth(self, text: str) -> None:
        _, _, rest = text.partition(" ")
        name, _, initial = rest.partition(" ")
        mechanism = MECHANISMS.get(name.upper())
        if name.upper() not in self._settings.auth or (mechanism is None and not self._settings.challenges):
            self._log.complain(f"mechanism {name} was not offered")
            self._speaker.say(b"504 5.5.4 mechanism not known\r\n")
            return
        if self._transactions.username or not self._greeted:
            self._log.complain("AUTH out of place")
            self._speaker.say(b"503 5.5.1 not now\r\n")
            return
        if self._settings.challenges:
            self._prepared_challenges(name.upper())
        elif mechanism is not None:
            first = base64.b64decode(initial if initial != "=" else "") if initial else None
            self._exchange(mechanism(first, self._settings.logins), name.upper())

    def _prepared_challenges(self, mechanism: str) -> None:
        for line in self._settings.challenges:
            self._speaker.say(line)
            if self._answer() == b"*":
                self._speaker.say(b"501 5.7.0 cancelled\r\n")
                return
        self._conclude("somebody", mechanism)

    def _exchange(self, exchange: Exchange, mechanism: str) -> None:
        try:
            challenge = next(exchange)
            while True:
                self._speaker.say(b"334 " + base64.b64encode(challenge) + b"\r\n")
                answer = self._answer()
                if answer == b"*":
                    self._speaker.say(b"501 5.7.0 cancelled\r\n")
                    return
                challenge = exchange.send(base64.b64decode(answer, validate=True))
        except StopIteration as end:
            self._conclude(end.value, mechanism)
        except (ValueError, LookupError, binascii.Error):
            self._speaker.say(b"501 5.5.2 that makes no sense\r\n")

    def _answer(self) -> bytes:
        line = self._wire.line()
        self._log.answers.append(line)
        return line

    def _conclude(self, name: str, mechanism: str) -> None:
        def effect() -> None:
            self._transactions.username = name
            self._transactions.mechanism = mechanism

        if name:
            self._speaker.answer(Step.AUTH, b"235 2.7.0 welcome\r\n", effect)
        else:
            self._speaker.answer(Step.AUTH, b"535 5.7.8 credentials are not good\r\n")

    # -- the rest --------------------------------------------------------------------------------------

    def _mail(self, text: str) -> None:
        if not self._greeted:
            self._log.complain("MAIL before EHLO")
            self._speaker.say(b"503 5.5.1 EHLO first\r\n")
        elif self._settings.auth and not self._transactions.username:
            self._speaker.say(b"530 5.7.0 authentication required\r\n")
        else:
            self._transactions.mail(text)

    def _rset(self, text: str) -> None:
        if self._transactions.refuses_rset:
            self._speaker.say(b"502 5.5.1 not known\r\n")
            return
        self._speaker.answer(Step.RSET, b"250 2.0.0 forgotten\r\n", self._transactions.forget)

    def _quit(self, text: str) -> None:
        self._speaker.answer(Step.QUIT, b"221 2.0.0 bye\r\n")
        raise Gone

"""Mail transactions on the server's side: MAIL, RCPT, the message by DATA or BDAT (RFC 5321, RFC 3030)."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

from tests.support.scripted.log import Accepted, Log
from tests.support.scripted.settings import REFUSALS, Behind, Settings, Step
from tests.support.scripted.speaker import Speaker
from tests.support.scripted.wire import Gone, Wire

_PATH = r'<((?:"(?:[^"\\]|\\.)*"|[^">])*)>(?: +(.*))?'
MAIL = re.compile(rf"MAIL FROM:{_PATH}", re.IGNORECASE)
RCPT = re.compile(rf"RCPT TO:{_PATH}", re.IGNORECASE)
BDAT = re.compile(r"BDAT (\d{1,20})( LAST)?", re.IGNORECASE)
_LONE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
MAX_LINE = 998


@dataclass(slots=True)
class _Open:
    """A transaction under way."""

    sender: str
    parameters: tuple[str, ...]
    recipients: list[str] = field(default_factory=list)
    recipient_parameters: list[tuple[str, ...]] = field(default_factory=list)
    content: bytearray = field(default_factory=bytearray)
    by: str = ""
    spoiled: bool = False
    """A chunk was refused: only RSET or the end helps."""


class Transactions:
    """All transactions of one connection. `username` and `mechanism` are set once somebody has logged in."""

    def __init__(self, wire: Wire, speaker: Speaker, settings: Settings, log: Log) -> None:
        self._wire = wire
        self._speaker = speaker
        self._settings = settings
        self._log = log
        self._open: _Open | None = None
        self._messages = 0
        self._ended = 0
        self._kept: list[str] = []
        """Recipients of a message that was refused, who get the next one."""
        self._is_leaving = False
        self.wants_rset = False
        """Nothing but RSET is taken."""
        self.refuses_rset = False
        self.username = ""
        self.mechanism = ""
        told = dict(item.split("=", 1) for item in settings.limits.split() if "=" in item)
        self._most_mails = int(told.get("MAILMAX", "1000000"))
        self._most_recipients = int(told.get("RCPTMAX", "1000000"))

    def forget(self) -> None:
        self._open, self._kept, self.wants_rset = None, [], False

    # -- the envelope ----------------------------------------------------------------------------------

    def mail(self, text: str) -> None:
        match = MAIL.fullmatch(text)
        if match is None:
            self._objection("501 5.5.4 MAIL FROM:<address>", f"bad MAIL: {text!r}")
            return
        if self._open is not None:
            self._objection("503 5.5.1 nested MAIL", "MAIL inside a transaction")
            return
        if self._is_leaving:
            self._speaker.say(b"421 4.7.0 no more here\r\n")
            self._wire.finish()
            raise Gone
        self._messages += 1
        if self._messages > self._most_mails:
            self._log.complain("more messages than LIMITS MAILMAX")
        if self._settings.max_messages is not None and self._messages > self._settings.max_messages:
            self._speaker.say(b"421 4.7.0 that was enough for one connection\r\n")
            raise Gone
        opened = _Open(match[1], tuple((match[2] or "").split()), list(self._kept))
        refusal = self._parameters_refused(opened)
        if refusal:
            self._speaker.answer(Step.MAIL, refusal)
            return
        self._speaker.answer(Step.MAIL, b"250 2.1.0 sender OK\r\n", lambda: self._begin(opened))

    def _begin(self, opened: _Open) -> None:
        self._open = opened

    def _parameters_refused(self, opened: _Open) -> bytes:
        settings = self._settings
        known = {
            "SIZE": settings.size is not None,
            "BODY": settings.eight_bit,
            "SMTPUTF8": settings.smtputf8,
            "AUTH": bool(settings.auth),
        }
        named = {item.partition("=")[0].upper(): item.partition("=")[2] for item in opened.parameters}
        for name in named:
            if not known.get(name):
                self._log.complain(f"MAIL parameter {name} was not offered")
                return b"555 5.5.4 parameter not known\r\n"
        if not opened.sender.isascii() and "SMTPUTF8" not in named:
            self._log.complain("a sender that is not ASCII without SMTPUTF8")
        if settings.size and int(named.get("SIZE") or 0) > settings.size:
            return b"552 5.3.4 message too big\r\n"
        return b""

    def rcpt(self, text: str) -> None:
        match = RCPT.fullmatch(text)
        if match is None:
            self._objection("501 5.5.4 RCPT TO:<address>", f"bad RCPT: {text!r}")
            return
        if self._open is None:
            self._speaker.say(b"503 5.5.1 MAIL first\r\n")
            return
        opened, address = self._open, match[1]
        if not address.isascii() and "SMTPUTF8" not in opened.parameters:
            self._log.complain("a recipient that is not ASCII without SMTPUTF8")
        if len(opened.recipients) >= self._most_recipients:
            self._log.complain("more recipients than LIMITS RCPTMAX")
        if address in self._settings.refused:
            self._speaker.answer(Step.RCPT, self._settings.refused[address].encode() + b"\r\n")
            return
        if len(opened.recipients) >= (self._settings.max_recipients or 1_000_000):
            self._speaker.answer(Step.RCPT, b"452 4.5.3 too many recipients\r\n")
            return

        def effect() -> None:
            opened.recipients.append(address)
            opened.recipient_parameters.append(tuple((match[2] or "").split()))

        self._speaker.answer(Step.RCPT, b"250 2.1.5 recipient OK\r\n", effect)

    # -- the message -----------------------------------------------------------------------------------

    def data(self) -> None:
        opened = self._open
        if opened is None:
            self._speaker.say(b"503 5.5.1 MAIL first\r\n")
        elif opened.by == "BDAT":
            self._objection("503 5.5.1 BDAT was begun", "DATA after BDAT")
        elif not opened.recipients and not self._settings.lenient:
            self._speaker.answer(Step.DATA, b"554 5.5.1 no valid recipients\r\n")
        elif self._speaker.answer(Step.DATA, b"354 go on, end with a lone dot\r\n"):
            self._body_of_data(opened)

    def _body_of_data(self, opened: _Open) -> None:
        opened.by = "DATA"
        answered, refused = self._fault_in_the_body()
        opened.content += _without_dots(self._wire.until_dot(self._settings.ends))
        self._finish(opened, answered=answered, refused=refused)

    def bdat(self, text: str) -> None:
        match = BDAT.fullmatch(text)
        if match is None or not self._settings.chunking:
            self._objection("501 5.5.4 BDAT count [LAST]", f"bad or unasked-for BDAT: {text!r}")
            return
        opened = self._open
        if opened is None or opened.spoiled or not (opened.recipients or self._settings.lenient):
            if not self._settings.keeps_chunks:
                self._wire.exactly(int(match[1]))
            self._speaker.say(b"503 5.5.1 no transaction, or nobody to send to\r\n")
            return
        opened.by = "BDAT"
        answered, refused = self._fault_in_the_body()
        opened.content += self._wire.exactly(int(match[1]))
        if match[2]:
            self._finish(opened, answered=answered, refused=refused)
        elif answered:
            opened.spoiled = refused
        else:
            opened.spoiled = not self._speaker.answer(Step.CHUNK, b"250 2.0.0 chunk OK\r\n")

    def _fault_in_the_body(self) -> tuple[bool, bool]:
        """Whether a reply has been given before its time, and whether it was a refusal."""
        fault = self._speaker.strike(Step.BODY)
        if fault is None:
            return False, False
        self._wire.at_least(fault.after)
        self._speaker.commit(fault, b"250 2.0.0 OK\r\n")
        return True, fault.kind in REFUSALS or not fault.took_effect

    def _finish(self, opened: _Open, *, answered: bool, refused: bool) -> None:
        self._open = None
        self._look_at(opened)
        self._ended += 1
        extra = opened.by == "BDAT" and not answered
        if self._settings.end_delay:
            time.sleep(self._settings.end_delay)
        if extra and self._settings.says_before_end:
            self._speaker.say(self._settings.says_before_end)
        if not answered and self._log.ended() % (self._settings.refuses_every or 1_000_000) == 0:
            self._speaker.say(b"554 5.7.1 not this one\r\n")
            if opened.by == "BDAT":
                self._go_on_behind_refused(opened)
        elif not answered:
            queue_id = f"250 2.0.0 OK: queued as {len(self._log.accepted) + 1:06X}\r\n".encode()
            self._speaker.answer(Step.END, queue_id, lambda: self._accept(opened))
        elif not refused:
            self._accept(opened)
        if extra and self._settings.says_behind_end:
            self._speaker.say(self._settings.says_behind_end)
        idle = self._speaker.strike(Step.IDLE)
        if idle:
            self._speaker.commit(idle, b"")
        if self._ended == self._settings.closes_after:
            self._speaker.say(self._settings.closes_with)
            self._wire.finish()
            raise Gone

    def _go_on_behind_refused(self, opened: _Open) -> None:
        match self._settings.behind_refused:
            case Behind.KEEPS:
                opened.content.clear()
                self._open = opened
            case Behind.ADDS:
                self._kept = opened.recipients
            case Behind.WANTS_RSET:
                self.wants_rset = True
            case Behind.REFUSES_RSET:
                self.refuses_rset = True
            case Behind.SAYS_FAREWELL:
                self._is_leaving = True
            case Behind.CLOSES:
                self._wire.finish()
                raise Gone
            case Behind.DROPS_INPUT:
                self._wire.take_unread()

    def _accept(self, opened: _Open) -> None:
        self._speaker.forgive()
        self._log.accept(
            Accepted(
                connection=self._wire.number,
                sender=opened.sender,
                parameters=opened.parameters,
                recipients=tuple(opened.recipients),
                recipient_parameters=tuple(opened.recipient_parameters),
                content=bytes(opened.content),
                by=opened.by,
                tls=self._wire.tls_version,
                username=self.username,
                mechanism=self.mechanism,
            )
        )

    def _look_at(self, opened: _Open) -> None:
        """Log what RFC 5321 section 2.3.8, RFC 6152 and RFC 1870 do not allow in a message."""
        content, upper = bytes(opened.content), [item.upper() for item in opened.parameters]
        if _LONE.search(content):
            self._log.complain("a CR or LF that stands alone in the message")
        if not content.isascii() and "BODY=8BITMIME" not in upper:
            self._log.complain("octets above 127 without BODY=8BITMIME")
        if any(len(line) > MAX_LINE for line in content.split(b"\r\n")):
            self._log.complain("a line of more than 998 octets")
        told = [item[5:] for item in upper if item.startswith("SIZE=")]
        if opened.recipients and told and int(told[0]) != len(content):
            self._log.complain(f"SIZE={told[0]} was told, {len(content)} octets came")

    def _objection(self, reply: str, complaint: str) -> None:
        self._log.complain(complaint)
        self._speaker.say(reply.encode() + b"\r\n")


def _without_dots(data: bytes) -> bytes:
    """Undo the transparency of RFC 5321 section 4.5.2."""
    return re.sub(rb"(?m)^\.", b"", data) if b"\n." in data or data.startswith(b".") else data

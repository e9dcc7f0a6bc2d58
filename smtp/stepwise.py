"""One message, told to a server as it becomes known: its envelope command by command, its octets piece by piece.

For who hands on what somebody else is saying at this moment. Nothing of the message leaves before the server has
accepted a recipient, and what is told by `BDAT` waits for each chunk's answer: a chunk that was refused is
followed by no other. The point of no return is `finish`, just before the octets that complete the message; whatever
goes wrong before it leaves the message not sent, and after it `is_committed` says that nobody knows.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache

from smtp import commands
from smtp.commands import Command
from smtp.connection import Connection
from smtp.content import DotStuffer
from smtp.engine import Answer
from smtp.envelope import Address
from smtp.errors import LocalProtocolError, SmtpError, Step
from smtp.proof import Proof
from smtp.reply import Reply
from smtp.state import State, Verdict
from smtp.transaction import refused

CHUNK = 256 * 1024
"""Octets that are gathered before they leave; a smaller message leaves whole."""

_NO_TRANSACTION = Reply(503, ("5.5.1 MAIL was refused",))
_GO_ON = Reply(354, ("2.0.0 Go on",))
_SPOILED, _MAIL, _BODY = State.SPOILED, Step.MAIL, Step.BODY
# The same programs write to the same people again and again.
_mail_to_say, _rcpt_to_say = lru_cache(512)(commands.mail), lru_cache(512)(commands.rcpt)


class Stepwise:
    """A transaction on a connection that is ready for one. Every method raises `SmtpError`; then it is over."""

    def __init__(self, connection: Connection, proof: Proof, *, pipelining: bool, chunking: bool) -> None:
        self._connection = connection
        self._proof = proof
        self._pipelining = pipelining
        self._chunking = chunking
        self._unsent: list[bytes] = []
        self._answers: deque[Answer] = deque()
        self._due = 0
        self._gathered = bytearray()
        self._stuffer: DotStuffer | None = None
        self._has_chunks = False
        self.is_committed = False
        """The message may be complete at the server."""
        self.is_over = False
        """The server has said its last word on it, or it was abandoned."""

    # -- the envelope ----------------------------------------------------------------------------------------

    def mail(self, sender: Address | None, parameters: tuple[str, ...]) -> None:
        """MAIL; its answer is the first that `next_answer` gives."""
        if not self._connection.is_in_step:
            self._proof.demand()
        self._connection.check_quiet(_MAIL)
        if self._connection.engine.state is _SPOILED:  # by a message before this one that was refused
            self._connection.require(commands.RSET)
        self._tell(_mail_to_say(sender, parameters))

    def rcpt(self, recipient: Address, parameters: tuple[str, ...]) -> None:
        """RCPT; its answer is one more that `next_answer` gives."""
        self._tell(_rcpt_to_say(recipient, parameters))

    def next_answer(self) -> Reply:
        """The answer to the first of the commands told that has had none. They come in the order of the commands."""
        if self._unsent:
            self._flush()
        if self._answers:
            return self._answers.popleft().reply
        answer = self._connection.next_answer()
        self._due -= 1
        return answer.reply

    def _tell(self, command: Command) -> None:
        if not self._pipelining and (self._due or self._unsent):
            self._flush()
            while self._due:
                self._answers.append(self._connection.next_answer())
                self._due -= 1
        if not self._connection.is_open:
            raise self._connection.trouble
        if not self._connection.engine.may_send(command.kind):  # a recipient, and MAIL was refused
            self._answers.append(Answer(command, _NO_TRANSACTION, Verdict.REFUSED, is_accepted=False))
            return
        self._unsent.append(self._connection.engine.send(command))
        self._due += 1

    def _flush(self) -> None:
        data = b"".join(self._unsent)
        self._unsent.clear()
        if data:
            self._connection.write(data)

    # -- the message -----------------------------------------------------------------------------------------

    def begin(self) -> Reply:
        """The server's answer to whether it will have the message: 354, or a refusal. By BDAT there is no question."""
        if self._chunking:
            return _GO_ON
        return self._connection.exchange(commands.DATA).reply

    def write(self, piece: bytes) -> None:
        """Some octets of the message, whose lines end in CRLF. Raises `Refused` where the server has had enough."""
        self._gathered += piece
        if len(self._gathered) < CHUNK:
            return
        data = bytes(self._gathered)
        self._gathered.clear()
        if self._chunking:
            self._has_chunks = True
            line = self._connection.engine.send(commands.bdat(len(data), last=False))
            self._connection.write(line + data, Step.BODY)
            answer = self._connection.next_answer()
            if not answer.is_accepted:
                raise refused(answer)
            return
        self._connection.check_uninterrupted()
        self._connection.write(self._stuffed(data), Step.BODY)

    def finish(self) -> Reply:
        """Complete the message and wait for what the server says to it."""
        data = bytes(self._gathered)
        self._gathered.clear()
        if not self._connection.is_open:
            raise self._connection.trouble
        self._connection.check_uninterrupted()
        engine = self._connection.engine
        if self._chunking:
            last = engine.send(commands.bdat(len(data), last=True)) + data
        else:
            last = self._stuffed(data) + engine.send(commands.END)
        self.is_committed = True
        try:
            self._connection.write(last, _BODY, is_end=True)
        except SmtpError:
            self.is_committed = False  # not all of it has left
            raise
        answer = self._connection.next_answer()
        self.is_over = True
        if self._chunking:
            self._proof.check_only_answer(answer)
        return answer.reply

    def _stuffed(self, data: bytes) -> bytes:
        if self._stuffer is None:
            self._stuffer = DotStuffer()
        return self._stuffer.stuff(data)

    # -- the end -----------------------------------------------------------------------------------------------

    def abandon(self) -> None:
        """Drop what is not complete: by RSET where the server can be told, else with the connection. Never raises.

        A message that was begun by DATA can't be taken back but by the end of the connection: a dot would complete it.
        """
        if self.is_over:
            return
        self.is_over = True
        engine = self._connection.engine
        if not self._connection.is_open or self._unsent or engine.pending or engine.state is State.DATA:
            self._connection.close()
            return
        if engine.state is State.READY:
            return
        try:
            self._connection.require(commands.RSET)
        except (SmtpError, LocalProtocolError):
            self._connection.close()
        if self._has_chunks:
            self._connection.is_in_step = False

"""The protocol engine: commands in, octets out; octets in, answers out. It knows no socket and no clock.

Replies are matched to commands first-in first-out, with exact counts (RFC 2920). A reply that nothing waits
for is a violation by the server: it would otherwise be taken for the answer to the next command.
"""

from __future__ import annotations

from collections import deque
from types import MappingProxyType
from typing import NamedTuple

from smtp.commands import BANNER, Command, Kind
from smtp.errors import LocalProtocolError, OutOfStep, RemoteProtocolError, Step
from smtp.reply import Reply, ReplyReader, ReplySyntaxError
from smtp.state import ALLOWED, ENDS_GROUP, State, Verdict, judge
from smtp.transcript import MAX_ENTRIES, Transcript

_STEP_OF_A_STATE = MappingProxyType(
    {
        State.GREETED: Step.EHLO,
        State.NEGOTIATING: Step.TLS,
        State.DATA: Step.BODY,
        State.CHUNKS: Step.BODY,
    }
)


# As in `state.py`, which says why.
_ACCEPTED, _CONTINUE, _CLOSED = Verdict.ACCEPTED, Verdict.CONTINUE, State.CLOSED
_BREAKS_OFF = frozenset({Verdict.VIOLATION, Verdict.OUT_OF_STEP})


class Answer(NamedTuple):
    """A command, the reply to it, and what the reply means to it."""

    command: Command
    reply: Reply
    verdict: Verdict
    is_accepted: bool


class Engine:
    """One connection's protocol state. It begins by waiting for the banner."""

    def __init__(self) -> None:
        self.state = State.START
        self.transcript = Transcript(maxlen=MAX_ENTRIES)
        self._farewell: Reply | None = None
        self.said_farewell = False
        """421 was among the answers: nothing new is begun here, also where the server goes on."""
        self._expected = State.START
        self.pending: deque[Command] = deque()
        """The commands that have not been answered, in order."""
        self.reader = ReplyReader()
        self.receive = self.reader.feed
        """Take what the server sent."""
        self._is_trusted = True
        self.send(BANNER)

    @property
    def awaited(self) -> Command | None:
        """The command whose answer is due next."""
        return self.pending[0] if self.pending else None

    @property
    def farewell(self) -> Reply | None:
        """421, if that is the last thing that the server has said (RFC 5321 section 3.8)."""
        return self._farewell if self.reader.is_empty else None

    @property
    def step(self) -> Step:
        """Where the connection is: at the command whose answer is due, else where the state says."""
        if self.pending:
            return self.pending[0].step
        return _STEP_OF_A_STATE.get(self.state, Step.MAIL)

    def may_send(self, kind: Kind) -> bool:
        """Whether such a command is allowed behind those that are outstanding."""
        return (self._expected, kind) in ALLOWED

    def send(self, command: Command) -> bytes:
        """The octets of a command that may be written now. Raises `LocalProtocolError` if it may not be."""
        pending = self.pending
        if pending and pending[-1].kind in ENDS_GROUP:
            raise LocalProtocolError(f"{command.kind.name} before the answer to {pending[-1].kind.name}")
        expected = ALLOWED.get((self._expected, command.kind))
        if expected is None:
            raise LocalProtocolError(f"{command.kind.name} is not allowed in state {self._expected.name}")
        self._expected = expected
        pending.append(command)
        if command.shown:
            self.transcript.append(("C", command.shown))
        if command.secret:
            self.reader.conceal(command.secret)
        return command.line

    def next_answer(self) -> Answer | None:
        """The next answer, or None until more is received.

        Raises `RemoteProtocolError` for octets that are no reply, a reply that nothing waits for, and one that
        the command can't have; the connection is closed then, and there are no more answers: replies that come
        after it may belong to other commands than their place says.
        """
        if not self._is_trusted:
            return None
        try:
            reply = self.reader.next_reply()
        except ReplySyntaxError as exc:
            step = self.step
            self._break_off()
            raise RemoteProtocolError(f"the server sent {exc}", step=step) from exc
        if reply is None:
            return None
        if not self.pending:
            step = self.step
            self._break_off()
            raise RemoteProtocolError(f"the server spoke out of turn: {reply}", step=step, reply=reply)
        self._farewell = None
        if reply.code == 421:
            self._farewell, self.said_farewell = reply, True
        command = self.pending.popleft()
        verdict, self.state = judge(self.state, command.kind, reply)
        self.transcript.append(("S", "334 <challenge>" if verdict is _CONTINUE else reply))
        if not self.pending or self.state is _CLOSED:
            self._expected = self.state
        if verdict in _BREAKS_OFF:
            self._break_off()
            error = OutOfStep if verdict is Verdict.OUT_OF_STEP else RemoteProtocolError
            text = f"the server answered {command.kind.name} with {reply}"
            raise error(text, step=command.step, reply=reply)
        return Answer(command, reply, verdict, verdict is _ACCEPTED)

    def unasked_reply(self) -> Reply | None:
        """A reply that came although nothing waits for one, or None until more is received.

        There are no more answers then: nobody knows what the replies behind it belong to. Raises
        `RemoteProtocolError` for octets that are no reply.
        """
        self._is_trusted = False
        try:
            return self.reader.next_reply()
        except ReplySyntaxError as exc:
            raise RemoteProtocolError(f"the server sent {exc}", step=self.step) from exc

    def tls_started(self) -> None:
        """TLS has begun: the session starts again, and all that was offered is forgotten (RFC 3207 section 4.2)."""
        if self.state is State.NEGOTIATING:
            self.state = self._expected = State.GREETED

    def _break_off(self) -> None:
        self._is_trusted = False
        self._farewell = None
        self.close()

    def close(self) -> None:
        """Nothing more will be written."""
        self.state = self._expected = _CLOSED

"""Whether a server's replies are in step with the commands: nobody else could tell one 250 from another.

Some servers give two answers to a message, and each reply behind them is then taken for the answer to another command.
So behind the first message on a connection, and behind one that was refused (`Connection.is_in_step`), the server is
asked for a mailbox that nobody has (VRFY), and nothing else is under way meanwhile. An answer that only VRFY can have
proves that it is in step; so does the one that it gave before. Any other could be one too many to what came before:
asked again, the server has to say the same then, word for word. In DATA 354 proves it: no other command is answered so.
"""

from __future__ import annotations

from smtp import commands
from smtp.commands import Command
from smtp.connection import Connection
from smtp.engine import Answer
from smtp.errors import ConnectionLost, OutOfStep, RemoteProtocolError, Step
from smtp.options import Habits
from smtp.reply import Reply
from smtp.state import State

# What only VRFY is answered with (RFC 5321 section 4.2.3): no reply to a message can be mistaken for it.
_LIKE_NO_OTHER = frozenset({251, 252, 502})


def two_answers(first: Reply | None, second: Reply) -> OutOfStep:
    """The error for a message that was answered twice: nobody can tell which answer counts."""
    text = f"the server gave the message two answers: {first}, and then {second}"
    return OutOfStep(text, step=Step.END, reply=second)


class Proof:
    """What one connection has shown so far."""

    def __init__(self, connection: Connection, habits: Habits, *, chunking: bool) -> None:
        self._connection = connection
        self._habits = habits
        self._chunking = chunking
        self._nobody: Reply | None = None
        """What the server answers when it is asked for a mailbox that nobody has."""
        self.says_yes_to_all = False
        """There is no question that this server has an answer of its own to."""

    def demand(self) -> None:
        """Ask. Raises `OutOfStep`, with the reply that was one too many, if it was; the connection is closed then.

        Raises `ConnectionLost` where the server closes instead of answering.
        """
        try:
            first = self._asked(commands.WHO_IS_NOBODY)
            if first.code not in _LIKE_NO_OTHER and first != self._nobody:
                self._compare(first)
        except OutOfStep as exc:
            self._habits.is_wrong_about_chunks |= self._connection.ends == 1 and exc.reply is not None
            raise
        self._nobody, self._connection.is_in_step = first, True

    def check_only_answer(self, answer: Answer) -> None:
        """Make sure, without waiting, that a message that was told in chunks got one answer, or two that agree.

        Raises `OutOfStep`; in either case of two the connection is closed then.
        """
        second = self._connection.second_answer()
        if second is None:
            return
        self._habits.is_wrong_about_chunks = True
        if (second.code < 400) is not answer.is_accepted:
            raise two_answers(answer.reply, second)

    def passes_over_a_chunk(self) -> bool:
        """Whether the server passes over a chunk that it refuses, outside of a transaction. Raises as `demand` does."""
        if self._nobody is None:
            self.demand()
        chunk = self._connection.exchange(commands.STRAY_CHUNK)
        # Who takes the chunk for a command answers that, too: it would stand where this answer is due.
        answer = self._asked(commands.WHO_IS_NOBODY)
        if answer != self._nobody:
            raise self._shift(answer)
        return not chunk.is_accepted and answer.code != 250

    def _compare(self, first: Reply) -> None:
        if first.code == 250 and self._chunking and self._connection.engine.state is State.READY:
            # It may say yes to everybody. To a chunk outside of a transaction it can't say yes. (Without CHUNKING
            # nothing of a message leaves before a 354.)
            chunk = self._asked(commands.EMPTY_CHUNK)
            if chunk.code == 250:
                self.says_yes_to_all = True
            elif chunk.code < 400:
                raise self._unequal(first)
        if self._asked(commands.WHO_IS_NOBODY) != first:
            raise self._unequal(first)

    def _unequal(self, first: Reply) -> OutOfStep:
        """The same question was answered in two ways. If `first` was one too many, another answer is to come."""
        surplus = self._connection.second_answer(wait=True)
        return self._shift(first if surplus is not None else "not twice the same answer to VRFY")

    def _asked(self, question: Command) -> Reply:
        try:
            reply = self._connection.exchange(question).reply
        except RemoteProtocolError as exc:
            raise self._shift(exc.reply or exc.text) from exc
        if not self._connection.is_open:
            raise ConnectionLost(
                f"the server is closing the connection: {reply}", step=Step.VRFY, reply=reply
            )
        return reply

    def _shift(self, said: Reply | str) -> OutOfStep:
        """The error for a reply that was one too many. The connection is of no further use."""
        self._connection.close()
        text = f"the server's replies are out of step with the commands: {said}"
        return OutOfStep(text, step=Step.VRFY, reply=said if isinstance(said, Reply) else None)

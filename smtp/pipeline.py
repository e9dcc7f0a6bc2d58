"""How a transaction travels: what may be written at once is written at once, and nothing of a message too early.

Nothing of a message leaves before the server has accepted one of its recipients. Some servers don't pass over
the chunk of a BDAT that they refuse (RFC 3030 section 2 has them do it) but take it for commands: what somebody
put into a mail would then be said to the server in our name. So a message takes two round trips: MAIL and every
RCPT, with DATA behind them where there is no CHUNKING, in one write (RFC 2920); then the message to its end.

In a run the commands of the next message leave in the same write as the end of the one before, which makes one
round trip a message. Should that one be refused, they are taken back (RSET) and said again: whatever a server does
with a transaction whose chunk it has refused, its recipients can't get this message.

Replies are told apart by their order alone. Some servers give two to the end of a message, and from there on each
would be taken for the answer to another command. So nothing is pipelined behind the first end on a connection,
nor behind one that was refused, until the server has been asked something whose answer is like no other (`Proof`).

The last octets of a message, by DATA those with its lone dot, by BDAT those of its one chunk, are held back until all
of it was read and found to be what was promised, the server has not said a word, and the caller's hook (`Committing`)
has had its say. Only then they leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from smtp import commands
from smtp.commands import Command, Kind
from smtp.connection import Connection
from smtp.envelope import Address, Body
from smtp.errors import (
    ConnectionLost,
    OutOfStep,
    RemoteProtocolError,
    SmtpError,
    Step,
)
from smtp.extensions import Extensions
from smtp.options import Habits
from smtp.proof import Proof, two_answers
from smtp.reply import Reply
from smtp.state import State
from smtp.transaction import Committing, Transaction

if TYPE_CHECKING:
    from smtp.stepwise import Stepwise

# As in `state.py`, which says why.
_EIGHT_BIT, _READY, _RSET, _MAIL, _BODY = Body.EIGHT_BIT, State.READY, Kind.RSET, Step.MAIL, Step.BODY
# Recipients that are told of in one write: up to here, then up to here, and so on, so that a limit that the server
# keeps to itself is met in small steps. Each goes a little beyond a limit that many servers have (RFC 5321 section
# 4.5.3.1.8: 100 at least; Postfix: 1000), by fewer than the errors after which a server hangs up.
_GROUPS = (105, 1005, 10_005)


class Pipeline:
    """Sends transactions over one connection. What goes wrong on the way is noted in the transaction, not raised.

    A transaction is begun, then finished. Another one may be opened behind it before it is finished.
    """

    def __init__(
        self,
        connection: Connection,
        extensions: Extensions,
        habits: Habits,
        *,
        pipelining: bool,
        chunking: bool,
    ) -> None:
        self._connection = connection
        self._extensions = extensions
        self._habits = habits
        self._chunking = chunking
        self._pipelining = pipelining
        self._its_proof: Proof | None = None
        self.committing: Committing | None = None

    # -- one at a time ---------------------------------------------------------------------------------------

    @property
    def may_go_behind(self) -> bool:
        """Whether a message's commands may leave with the end of the one before.

        Not behind the end of DATA, though RFC 2920 section 3.1 allows it: Haraka answers them with 503.
        """
        return (
            self._pipelining and self._chunking and self._connection.ends > 0 and self._connection.is_in_step
        )

    def begin(self, transaction: Transaction) -> None:
        """Write what may be written before an answer: MAIL and the first recipients.

        Without PIPELINING that is nothing: each command waits for its turn in `open`.
        """
        try:
            self._prepare()
            if self._pipelining:
                self._write_opening(transaction)
        except SmtpError as exc:
            self._fail(transaction, exc)

    def open(self, transaction: Transaction) -> None:
        """Hear the answers to the envelope, and tell the rest of it where it did not go in one write."""
        if transaction.is_opened or transaction.failure is not None:
            return
        transaction.is_opened = True
        try:
            if not self._connection.is_open:
                raise self._connection.trouble
            if transaction.is_behind and not self._connection.is_in_step:
                self._take_back(transaction)
                if self._pipelining:
                    self._write_opening(transaction)
            if self._pipelining:
                self._hear(transaction)
                while self._wants_more_recipients(transaction):
                    self._write_group(transaction, self._next_recipients(transaction))
                    self._hear(transaction)
            else:
                transaction.take(self._connection.exchange(self._mail(transaction)))
                for address in transaction.envelope.recipients:
                    if transaction.mail_refused or transaction.too_many or not self._connection.is_open:
                        break
                    transaction.asked += 1
                    transaction.take(self._connection.exchange(self._rcpt(transaction, address)))
            if self._connection.is_open:
                self._end_opening(transaction)
        except SmtpError as exc:
            self._fail(transaction, exc)
        if transaction.accepted > self._habits.proven_recipients:
            self._habits.proven_recipients = transaction.accepted
        if transaction.too_many and transaction.shows_limit:
            self._habits.took_no_more_than(transaction.accepted)

    def write_with_next(self, transaction: Transaction, following: Transaction) -> None:
        """Write the message of one that is open, and what may be written of the `following` one, in one packet.

        A server that answers such a thing in two halves lets the second wait until we have acknowledged the first,
        which we are in no hurry to do (RFC 896, RFC 1122).
        """
        self._connection.stream.cork(True)
        self._write_message_once(transaction)
        try:
            if not self._connection.is_open:
                raise self._connection.trouble
            self._write_opening(following)
            following.is_behind = True
            self._connection.stream.cork(False)
        except SmtpError as exc:
            following.failure = exc

    def finish(self, transaction: Transaction) -> None:
        """Go on to the server's last word on this transaction. All that were begun before it are finished."""
        self.open(transaction)
        self._write_message_once(transaction)
        self._read_to_end(transaction)

    def begin_stepwise(self) -> Stepwise:
        """A transaction that is told piece by piece: by DATA, should chunks have been got wrong meanwhile."""
        from smtp.stepwise import Stepwise  # for relays alone

        chunking = self._chunking and not self._habits.is_wrong_about_chunks
        return Stepwise(self._connection, self._proof(), pipelining=self._pipelining, chunking=chunking)

    def _prepare(self) -> None:
        """The connection has to be quiet, in step, and no transaction may be left over on it."""
        if not self._connection.is_open:
            raise self._connection.trouble
        if self._connection.is_in_step:
            self._connection.check_quiet(_MAIL)
        else:
            self._prove()
        if self._connection.engine.state is not _READY:
            self._connection.require(commands.RSET)

    def _write_opening(self, transaction: Transaction) -> None:
        self._write_group(transaction, [self._mail(transaction), *self._next_recipients(transaction)])

    def _write_group(self, transaction: Transaction, group: list[Command]) -> None:
        """Commands in one write, and DATA behind them once all recipients are told of."""
        if not self._chunking and transaction.asked == len(transaction.envelope.recipients):
            group.append(commands.DATA)
        send = self._connection.engine.send
        self._connection.write(b"".join([send(command) for command in group]), group[0].step)

    def _mail(self, transaction: Transaction) -> Command:
        envelope = transaction.envelope
        parameters = []
        if "SIZE" in self._extensions.offered:
            parameters.append(f"SIZE={transaction.content.size}")
        if envelope.body is _EIGHT_BIT:
            parameters.append("BODY=8BITMIME")
        if envelope.smtputf8:
            parameters.append("SMTPUTF8")
        return commands.mail(envelope.sender, tuple(parameters))

    def _next_recipients(self, transaction: Transaction) -> list[Command]:
        """The next group: growing as long as the server takes them, and as large as it is known to take."""
        start, recipients = transaction.asked, transaction.envelope.recipients
        if len(recipients) <= _GROUPS[0]:
            group = recipients
        else:
            known = max(self._extensions.limits.get("RCPTMAX", 0), self._habits.proven_recipients)
            end = min([end for end in _GROUPS if end > start], default=len(recipients))
            group = recipients[start : max(end, known)]
        transaction.asked += len(group)
        return [self._rcpt(transaction, address) for address in group]

    def _rcpt(self, transaction: Transaction, address: Address) -> Command:
        notify = transaction.envelope.notify if "DSN" in self._extensions.offered else ()
        return commands.rcpt(address, (f"NOTIFY={','.join(notify)}",) if notify else ())

    def _end_opening(self, transaction: Transaction) -> None:
        """Ask for 354 where that was not done yet, and make sure that the replies are in step. Raises `SmtpError`."""
        if not self._chunking and transaction.has_recipients and not transaction.data_was_answered:
            transaction.take(self._connection.exchange(commands.DATA))
        if transaction.server_wants_message:
            return
        # Who has refused the message before this one, or has said 421, has to show that it goes on in step.
        is_in_doubt = transaction.got_farewell or not self._connection.is_in_step
        if is_in_doubt and self._connection.is_open:
            self._prove()

    def _take_back(self, transaction: Transaction) -> None:
        """Of an envelope that went behind a refused chunk nothing counts, whatever is answered to it.

        The server may have begun a transaction with it, added it to the one before, or refused it until RSET; it may
        have thrown it away, or close (RFC 3030 section 2 leaves that open). Raises `SmtpError`.
        """
        transaction.is_doubtful = True
        self._hear(transaction)
        if not self._connection.is_open:
            raise self._connection.trouble
        self._prove()
        self._connection.require(commands.RSET)
        transaction.disbelieve()
        transaction.asked = 0
        transaction.is_doubtful = False
        transaction.was_taken_back = True

    def _prove(self) -> None:
        """Raises `SmtpError`. A server that says yes to everything is not asked to keep step: it gets no groups."""
        proof = self._proof()
        proof.demand()
        self._pipelining = self._pipelining and not proof.says_yes_to_all

    def _proof(self) -> Proof:
        """Made when something has to be proven: most connections carry one message."""
        if self._its_proof is None:
            self._its_proof = Proof(self._connection, self._habits, chunking=self._chunking)
        return self._its_proof

    def _hear(self, transaction: Transaction) -> None:
        connection = self._connection
        while connection.engine.pending:
            transaction.take(connection.next_answer())

    def _wants_more_recipients(self, transaction: Transaction) -> bool:
        if transaction.too_many or transaction.mail_refused or not self._connection.is_open:
            return False
        return transaction.asked < len(transaction.envelope.recipients) and not transaction.got_farewell

    # -- the message -------------------------------------------------------------------------------------------

    def _write_message_once(self, transaction: Transaction) -> None:
        """Write the message if there is somebody to have it."""
        if transaction.failure is not None or transaction.is_written:
            return
        transaction.is_written = True
        if not self._connection.is_open:
            return
        is_wanted = self._chunking or transaction.server_wants_message
        try:
            if is_wanted and transaction.has_recipients:
                octets = self._connection.write_to_its_end(transaction.content, chunking=self._chunking)
                if self.committing is not None:
                    self._commit([transaction])
                if not self._chunking:
                    octets += self._connection.engine.send(commands.END)
                self._complete(transaction, octets)
            elif transaction.server_wants_message:
                # A lone dot ends what the server should not have begun (RFC 2920 section 3.1).
                self._connection.write(self._connection.engine.send(commands.END), _BODY, is_end=True)
                transaction.awaits_end = True
        except SmtpError as exc:
            self._fail(transaction, exc)

    def _commit(self, transactions: Sequence[Transaction]) -> None:
        """Tell the hook. What it raises, if it is no `SmtpError`, waits in the transactions for their turn."""
        if self.committing is None or not transactions:
            return
        try:
            self.committing([transaction.number for transaction in transactions])
        except SmtpError:
            raise
        except Exception as exc:
            for transaction in transactions:
                transaction.raised = exc
            raise ConnectionLost("the message was held back", step=Step.BODY) from exc

    def _complete(self, transaction: Transaction, octets: bytes) -> None:
        """The point of no return. A write that raises has left octets behind: then the message is not complete."""
        transaction.is_written = transaction.awaits_end = transaction.committed = True
        try:
            self._connection.write(octets, _BODY, is_end=True)
        except SmtpError:
            transaction.committed = False
            raise

    def _read_to_end(self, transaction: Transaction) -> None:
        """Read the answer to the complete message, if one is due, and see whether the server can be given another."""
        if transaction.failure is not None or transaction.is_settled:
            return
        transaction.is_settled = True
        try:
            while transaction.awaits_end and not transaction.is_over:
                answer = self._connection.next_answer()
                if answer.command.kind is _RSET and not answer.is_accepted:
                    text = f"the server refused RSET: {answer.reply}"
                    raise RemoteProtocolError(text, step=Step.RSET, reply=answer.reply)
                transaction.take(answer)
        except SmtpError as exc:
            self._fail(transaction, exc)
        if transaction.failure is not None or not transaction.is_over:
            return
        # What the end of a message tells about the connection.
        if not (transaction.end_refused or transaction.has_recipients):
            # Who accepts a message that it has no recipient for can't be trusted with another.
            self._connection.close()
        if self._connection.engine.pending:
            return
        second = self._connection.second_answer()
        if second is not None:
            self._habits.is_wrong_about_chunks = True
            self._doubt(transaction, second)

    def _doubt(self, transaction: Transaction, second: Reply) -> None:
        """A second answer to a chunk that says something else than the first: nobody can tell which one counts."""
        if self._chunking and (second.code < 400) is not transaction.is_accepted:
            transaction.failure = two_answers(transaction.reply, second)

    def _fail(self, transaction: Transaction, failure: SmtpError) -> None:
        """Of the answers that came before the failure, those up to the last word on this transaction are its own."""
        self._connection.close()
        if transaction.is_doubtful or (isinstance(failure, OutOfStep) and not transaction.committed):
            transaction.disbelieve()
            transaction.failure = failure
            return
        leftover = self._connection.leftover_answers()
        while not transaction.is_over and (answer := next(leftover, None)) is not None:
            transaction.take(answer)
        farewell = self._connection.engine.farewell
        if farewell is not None:
            failure = ConnectionLost(
                f"the server is closing the connection: {farewell}", step=failure.step, reply=farewell
            )
        transaction.failure = failure

    def confirm(self, transaction: Transaction) -> None:
        """Before another message follows on the connection: whether the answer to this one was the only one to it."""
        if self._connection.is_in_step or not transaction.is_over or self._connection.engine.pending:
            return
        try:
            self._prepare()
        except OutOfStep as exc:
            if exc.reply is not None:
                self._doubt(transaction, exc.reply)
        except SmtpError:
            return  # the one that follows will tell

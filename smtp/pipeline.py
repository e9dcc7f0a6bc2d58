"""How a transaction travels: everything that may be written at once is written at once.

With PIPELINING, MAIL, every RCPT and DATA leave in one write (RFC 2920). With CHUNKING the message leaves as
one chunk, `BDAT n LAST` (RFC 3030), and a small one leaves in the same write as its MAIL and RCPT: one round
trip for the whole transaction. Then the point of no return comes before that write.
"""

from __future__ import annotations

from collections.abc import Iterator

from smtp import commands
from smtp.commands import Command, Kind
from smtp.connection import Connection
from smtp.content import Content
from smtp.engine import Answer
from smtp.envelope import Body
from smtp.errors import ConnectionLost, ContentError, LocalProtocolError, RemoteProtocolError, SmtpError, Step
from smtp.extensions import Extensions
from smtp.state import State
from smtp.transaction import Transaction
from smtp.transparency import DotStuffer, LineGuard

# Up to here a message is small enough to be written before the server has said a word about its recipients.
SMALL = 64 * 1024


class Pipeline:
    """Sends transactions over one connection. What goes wrong on the way is noted in the transaction, not raised.

    A transaction is begun, then finished. Another one may be begun behind it before it is finished: its
    commands follow the message at once, as RFC 2920 section 3.1 has it for the dot and RFC 3030 for LAST.
    """

    def __init__(
        self, connection: Connection, extensions: Extensions, *, pipelining: bool, chunking: bool
    ) -> None:
        self._connection = connection
        self._extensions = extensions
        self._chunking = chunking
        self.pipelining = pipelining

    def in_one_write(self, content: Content) -> bool:
        """Whether a transaction with this message can leave at once, before any answer."""
        return self.pipelining and self._chunking and content.size <= SMALL

    def begin(self, transaction: Transaction, behind: Transaction | None = None) -> None:
        """Write what may be written before an answer. `behind` is the last one begun, if it is not finished yet."""
        try:
            if behind is None:
                self._prepare()
                self._write_opening(transaction, behind)
                return
            # In one packet, so that a server answers it at once: one that answers in two halves lets the second
            # wait until we have acknowledged the first, which we are in no hurry to do (RFC 896, RFC 1122).
            self._connection.stream.cork(True)
            self._go_on(behind)
            self._write_opening(transaction, behind)
            self._connection.stream.cork(False)
        except SmtpError as exc:
            # What the server has said so far is for those ahead: they take it when they are finished.
            transaction.failure = exc
            self._connection.close()

    def _go_on(self, transaction: Transaction) -> None:
        """Write the message of a transaction that another one is to follow. Raises `ConnectionLost` if none can."""
        try:
            self._write_message_once(transaction)
        except SmtpError as exc:
            self._fail(transaction, exc)
        if not self._connection.is_open:
            raise ConnectionLost("the connection ended with the message before", step=Step.MAIL)

    def finish(self, transaction: Transaction) -> None:
        """Go on to the server's last word on this transaction. All that were begun before it are finished."""
        if transaction.failure is not None:
            return
        try:
            self._write_message_once(transaction)
            self._read_to_end(transaction)
        except SmtpError as exc:
            self._fail(transaction, exc)

    def _prepare(self) -> None:
        """The connection has to be quiet, and no transaction may be left over on it."""
        self._connection.check_quiet(Step.MAIL)
        if self._connection.engine.state is not State.READY:
            self._connection.require(commands.RSET)

    def _opening(self, transaction: Transaction) -> list[Command]:
        envelope = transaction.envelope
        parameters = []
        if "SIZE" in self._extensions:
            parameters.append(f"SIZE={transaction.content.size}")
        if envelope.body is Body.EIGHT_BIT:
            parameters.append("BODY=8BITMIME")
        if envelope.smtputf8:
            parameters.append("SMTPUTF8")
        mail = commands.mail(envelope.sender, tuple(parameters))
        return [mail, *(commands.rcpt(address) for address in envelope.recipients)]

    def _write_opening(self, transaction: Transaction, behind: Transaction | None) -> None:
        """Without PIPELINING nothing: each command waits for its turn in `_exchange_opening`.

        Behind another one RSET goes first: whatever becomes of that one, its recipients can't get this message.
        A server that has asked for that one's data forgets them by itself, whatever it says to the data in the
        end (RFC 5321 section 4.1.1.4).
        """
        if not self.pipelining:
            return
        opening = self._opening(transaction)
        if behind is not None and not behind.server_wants_message:
            opening.insert(0, commands.RSET)
        if self.in_one_write(transaction.content):
            content = b"".join(_whole(transaction.content))
            last = commands.bdat(len(content), last=True)
            self._complete(transaction, self._lines([*opening, last]) + content)
            return
        if not self._chunking:
            opening.append(commands.DATA)
        self._connection.write(self._lines(opening), Step.MAIL)

    def _lines(self, group: list[Command]) -> bytes:
        engine = self._connection.engine
        return b"".join([engine.send(command) for command in group])

    def _write_message_once(self, transaction: Transaction) -> None:
        """The answers to the opening, and then the message if there is somebody to have it."""
        if transaction.failure is not None or transaction.is_written:
            return
        transaction.is_written = True
        if self.pipelining:
            while self._connection.engine.outstanding:
                transaction.take(self._answer())
        else:
            self._exchange_opening(transaction)
        if not self._connection.is_open:
            return
        if self._chunking:
            if transaction.has_recipients:
                self._write_chunk(transaction)
        elif transaction.server_wants_message:
            self._write_data(transaction)

    def _exchange_opening(self, transaction: Transaction) -> None:
        for command in self._opening(transaction):
            transaction.take(self._connection.exchange(command))
            if transaction.mail_refused or not self._connection.is_open:
                return
        if not self._chunking and transaction.has_recipients:
            transaction.take(self._connection.exchange(commands.DATA))

    def _answer(self) -> Answer:
        answer = self._connection.next_answer()
        if answer.command.kind is Kind.RSET and not answer.is_accepted:
            raise RemoteProtocolError(
                f"the server refused RSET: {answer.reply}", step=Step.RSET, reply=answer.reply
            )
        return answer

    def write_message(self, content: Content, transaction: Transaction | None = None) -> None:
        """The message after 354, and the dot. Raises `SmtpError` when it could not be completed."""
        stuffer = DotStuffer()
        rest = b""
        for piece in _whole(content):
            self._write_piece(rest)
            rest = stuffer.stuff(piece)
        self._raise_interruption()
        self._complete(transaction, rest + self._connection.engine.send(commands.END))

    def _write_data(self, transaction: Transaction) -> None:
        if transaction.has_recipients:
            self.write_message(transaction.content, transaction)
        else:
            # A lone dot ends what the server should not have begun (RFC 2920 section 3.1).
            self._connection.write(self._connection.engine.send(commands.END), Step.BODY)
            transaction.awaits_end = True

    def _write_chunk(self, transaction: Transaction) -> None:
        """The whole message as one chunk: its last octets are the ones that complete it."""
        content = transaction.content
        rest = self._connection.engine.send(commands.bdat(content.size, last=True))
        for piece in _whole(content):
            self._write_piece(rest)
            rest = piece
        self._raise_interruption()
        self._complete(transaction, rest)

    def _write_piece(self, piece: bytes) -> None:
        if piece:
            self._raise_interruption()
            self._connection.write(piece, Step.BODY)

    def _raise_interruption(self) -> None:
        interruption = self._connection.interruption()
        if interruption is not None:
            raise interruption

    def _complete(self, transaction: Transaction | None, octets: bytes) -> None:
        """The point of no return. A write that raises has left octets behind: then the message is not complete."""
        if transaction is None:
            self._connection.write(octets, Step.BODY)
            return
        transaction.is_written = transaction.awaits_end = transaction.committed = True
        try:
            self._connection.write(octets, Step.BODY)
        except SmtpError:
            transaction.committed = False
            raise

    def _read_to_end(self, transaction: Transaction) -> None:
        while transaction.awaits_end and not transaction.is_over:
            transaction.take(self._answer())
        if transaction.is_anomalous:
            self._connection.close()

    def _fail(self, transaction: Transaction, failure: SmtpError) -> None:
        """Of the answers that came before the failure, those up to the last word on this transaction are its own."""
        self._connection.close()
        leftover = self._connection.leftover_answers()
        while not transaction.is_over and (answer := next(leftover, None)) is not None:
            transaction.take(answer)
        farewell = self._connection.engine.farewell
        if farewell is not None:
            transaction.is_dismissed = True
            failure = ConnectionLost(
                f"the server is closing the connection: {farewell}", step=failure.step, reply=farewell
            )
        transaction.failure = failure


def _whole(content: Content) -> Iterator[bytes]:
    """The pieces of a message. The last is only given once all are read and found to be what was promised.

    Raises `ContentError`: then what was given so far is not a message.
    """
    guard = LineGuard()
    size = 0
    held = b""
    try:
        for piece in content.chunks():
            guard.check(piece)
            if held:
                yield held
            held = piece
            size += len(piece)
        guard.finish()
    except LocalProtocolError as exc:
        raise ContentError(str(exc)) from exc
    except OSError as exc:
        raise ContentError(exc.strerror or str(exc) or type(exc).__name__) from exc
    if size != content.size:
        raise ContentError(f"the message has {size} octets where {content.size} were announced")
    yield held

"""A message on its way out, to the point of no return: by DATA and a lone dot, or as one chunk, `BDAT n LAST`.

The last octets are held back until all of the message was read and found to be what was promised, the server has
not said a word, and the caller's hook has had its say. Only then they leave.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from smtp import commands
from smtp.connection import Connection
from smtp.content import Content
from smtp.errors import ConnectionLost, SmtpError, Step
from smtp.transaction import Transaction
from smtp.transparency import DotStuffer, whole

Committing = Callable[[Sequence[int]], None]
"""Called with the places, from 0, of messages in their run, just before the octets leave that can complete them.

If it raises, they have not left, and the connection is closed. An `SmtpError` then becomes the message's failure;
anything else is raised in the place of its delivery.
"""


def nobody_asked(_numbers: Sequence[int]) -> None:
    """The hook of those who have none."""


class Writer:
    """Writes messages over one connection. `committing` is called before each."""

    def __init__(self, connection: Connection, *, chunking: bool) -> None:
        self._connection = connection
        self._chunking = chunking
        self.committing: Committing = nobody_asked

    def write(self, transaction: Transaction) -> None:
        """The message of a transaction whose envelope was answered, if somebody is to have it. Raises `SmtpError`."""
        if self._chunking:
            if transaction.has_recipients:
                self._write_chunk(transaction)
        elif transaction.server_wants_message and transaction.has_recipients:
            self.write_data(transaction.content, transaction)
        elif transaction.server_wants_message:
            # A lone dot ends what the server should not have begun (RFC 2920 section 3.1).
            self._connection.write_end(self._connection.engine.send(commands.END))
            transaction.awaits_end = True

    def write_data(self, content: Content, transaction: Transaction | None = None) -> None:
        """The message after 354, and the dot. Raises `SmtpError` when it could not be completed."""
        stuffer = DotStuffer()
        rest = b""
        for piece in whole(content):
            self._write_piece(rest)
            rest = stuffer.stuff(piece)
        self._connection.check_uninterrupted()
        self.commit(transaction)
        self.complete(transaction, rest + self._connection.engine.send(commands.END))

    def _write_chunk(self, transaction: Transaction) -> None:
        """The whole message as one chunk: its last octets are the ones that complete it."""
        content = transaction.content
        line = self._connection.engine.send(commands.bdat(content.size, last=True))
        rest = b""
        for piece in whole(content):
            self._write_piece(rest)
            rest = line + piece if line else piece
            line = b""
        self._connection.check_uninterrupted()
        self.commit(transaction)
        self.complete(transaction, rest)

    def _write_piece(self, piece: bytes) -> None:
        if piece:
            self._connection.check_uninterrupted()
            self._connection.write(piece, Step.BODY)

    def commit(self, *transactions: Transaction | None) -> None:
        """Tell the hook. What it raises, if it is no `SmtpError`, waits in the transactions for their turn."""
        asked = [transaction for transaction in transactions if transaction is not None]
        if not asked:
            return
        try:
            self.committing([transaction.number for transaction in asked])
        except SmtpError:
            raise
        except Exception as exc:
            for transaction in asked:
                transaction.raised = exc
            raise ConnectionLost("the message was held back", step=Step.BODY) from exc

    def complete(self, transaction: Transaction | None, octets: bytes) -> None:
        """The point of no return. A write that raises has left octets behind: then the message is not complete."""
        if transaction is not None:
            transaction.is_written = transaction.awaits_end = transaction.committed = True
        try:
            self._connection.write_end(octets)
        except SmtpError:
            if transaction is not None:
                transaction.committed = False
            raise

"""Messages in flight together: each is written whole in one go with its commands, before any of them is answered.

That is a bet on the server's manners, and only for those whose users ask for it. It is taken once the server has shown
that it passes over a stray chunk (`can_take_together`): see `pipeline.py`, which says what others do with one.
"""

from __future__ import annotations

from collections.abc import Sequence

from smtp import commands
from smtp.content import Content, whole
from smtp.errors import ContentError, OutOfStep, SmtpError
from smtp.pipeline import Pipeline
from smtp.transaction import Transaction

SMALL = 64 * 1024
"""Up to here a message may be in flight with others, in octets."""


class InFlight(Pipeline):
    """A pipeline that can have several messages in flight together."""

    _takes_chunks_together: bool | None = None

    def fits_with_others(self, content: Content) -> bool:
        """Whether a message may be in flight with others: it is written whole, before any answer."""
        return self._pipelining and self._chunking and content.size <= SMALL

    def can_take_together(self) -> bool:
        """Whether this server has shown that it passes over a chunk that it refuses.

        It is asked once, and not before it has answered a message: what it does behind one has to be known, too.
        """
        if not (self._pipelining and self._chunking and self._connection.ends):
            return False
        if self._takes_chunks_together is None and self._connection.is_open:
            self._takes_chunks_together = self._shows_that_it_passes_over_a_chunk()
        return bool(self._takes_chunks_together) and not self._habits.is_surprising

    def _shows_that_it_passes_over_a_chunk(self) -> bool:
        try:
            self._prepare()
            return self._proof().passes_over_a_chunk()
        except SmtpError as exc:
            self._connection.close()
            self._habits.is_surprising = True
            self._habits.is_wrong_about_chunks |= isinstance(exc, OutOfStep)
            return False

    def send_together(self, transactions: Sequence[Transaction]) -> None:
        """Write all of them, each whole, before any answer; then hear what became of each."""
        try:
            self._prepare()
            pieces = self._lines_and_messages(transactions)
            self._commit([transaction for transaction, _ in pieces])
            self._connection.stream.cork(True)
            for transaction, octets in pieces:
                self._complete(transaction, octets)
            self._connection.stream.cork(False)
        except SmtpError as exc:
            # One that somebody stopped is read on: the answers to those that are complete are due.
            if self._connection.is_open:
                self._connection.close()
            for transaction in transactions:
                if not transaction.committed and transaction.failure is None:
                    transaction.failure = exc
        for transaction in transactions:
            self._read_to_end(transaction)
            if not transaction.is_accepted and not isinstance(transaction.failure, ContentError):
                self._habits.is_surprising = True

    def _lines_and_messages(self, transactions: Sequence[Transaction]) -> list[tuple[Transaction, bytes]]:
        """What to write for each. One whose content is not what it said to be fails by itself."""
        pieces: list[tuple[Transaction, bytes]] = []
        for transaction in transactions:
            try:
                message = b"".join(whole(transaction.content))
            except ContentError as exc:
                transaction.failure = exc
                continue
            group = [commands.RSET] if pieces else []
            recipients = transaction.envelope.recipients
            group += [self._mail(transaction), *(self._rcpt(transaction, one) for one in recipients)]
            group.append(commands.bdat(len(message), last=True))
            transaction.asked = len(recipients)
            send = self._connection.engine.send
            pieces.append((transaction, b"".join([send(command) for command in group]) + message))
        return pieces

"""A session with a mail server: what a program that sends mail needs, and nothing about where it runs.

    with Session.connect("mail.example.com", 587) as session:
        session.hello()
        session.start_tls()
        session.hello()
        session.authenticate(PasswordCredentials("me", "secret"))
        delivery = session.send(Envelope(sender, recipients), Octets(message))

With `implicit_tls` `connect` does TLS by itself, and there is no `start_tls`. `send` takes a whole message
and raises nothing that the network or the server did: the delivery says what became of each recipient. The
single steps raise `SmtpError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, overload

from smtp import commands
from smtp.content import Content, Octets
from smtp.dialogue import Dialogue
from smtp.envelope import Address, Envelope
from smtp.extensions import Extensions
from smtp.options import Options
from smtp.outbox import Outbox
from smtp.outcome import Delivery
from smtp.pipeline import Pipeline
from smtp.proof import Proof
from smtp.reply import Reply
from smtp.stream import Stream
from smtp.transaction import Committing, refused

if TYPE_CHECKING:
    from smtp.given import MessageWriter
    from smtp.stepwise import Stepwise


class Session(Dialogue):
    """One connection to a server, and the messages that go over it. Not for several threads at once."""

    def __init__(self, stream: Stream, host: str, options: Options | None = None) -> None:
        super().__init__(stream, host, options)
        self._outbox: Outbox | None = None
        self._proof: Proof | None = None
        self.begun = 0
        """How many transactions `begin_stepwise` was asked for."""

    @property
    def is_used_up(self) -> bool:
        """The server takes no further message on this connection: it said so, or was found to close it now."""
        return self._ready_outbox().is_used_up

    def hello(self, name: str | bytes = "", *, allow_helo: bool = False) -> Extensions:
        """As `Dialogue.hello`. What is sent from then on goes by what the server offers now."""
        self._outbox = self._proof = None
        return super().hello(name, allow_helo=allow_helo)

    # -- single steps ------------------------------------------------------------------------------------

    # Whoever has not said `hello` is introduced by the first of these.

    def mail(self, sender: Address | str | bytes | None, parameters: tuple[str, ...] = ()) -> Reply:
        """MAIL. A sender that is a text or octets brings the parameters that it needs. Raises `Refused`."""
        self._introduce()
        if isinstance(sender, str | bytes):
            from smtp.given import parameters_for, sender_of  # whoever has an Address needs neither

            parameters = (*parameters, *parameters_for(sender_of(sender), self.extensions))
            sender = sender_of(sender)
        return self._connection.require(commands.mail(sender, parameters))

    def rcpt(self, recipient: Address | str | bytes, parameters: tuple[str, ...] = ()) -> Reply:
        """RCPT. Raises `Refused`; the other recipients are not touched by that."""
        if isinstance(recipient, str | bytes):
            from smtp.given import address_of

            recipient = address_of(recipient)
        return self._connection.require(commands.rcpt(recipient, parameters))

    @overload
    def data(self, content: Content | str | bytes) -> Reply: ...

    @overload
    def data(self) -> MessageWriter: ...

    def data(self, content: Content | str | bytes | None = None) -> Reply | MessageWriter:
        """DATA and the message, for a transaction made with `mail` and `rcpt`. Raises `SmtpError`.

        Without a message a writer for it is returned, whose `close` sends it. `ConnectionLost` with step `END` means
        that the message may have been delivered.
        """
        self._connection.require(commands.DATA)
        if content is None:
            from smtp.given import MessageWriter

            return MessageWriter(self._finish_data, self.close)
        if isinstance(content, str):
            content = content.encode()
        return self._finish_data(Octets(content) if isinstance(content, bytes) else content)

    # -- whole messages ----------------------------------------------------------------------------------

    def send(self, envelope: Envelope, content: Content, committing: Committing | None = None) -> Delivery:
        """One message to all recipients of the envelope, in as few transactions as the server allows.

        `committing` is called just before the octets leave that can complete it (see `Committing`).
        """
        return self._ready_outbox().send(envelope, content, committing)

    def send_many(
        self,
        messages: Iterable[tuple[Envelope, Content]],
        window: int = 1,
        committing: Committing | None = None,
    ) -> Iterator[Delivery]:
        """Many messages, in order: each is on its way before the next is asked for, or a few more.

        Each delivery is as true as `send`'s. By default one message is complete and unanswered at a time. With a
        `window` of 2 to 50 so many are, where the server has PIPELINING and CHUNKING and has shown that it passes
        over a chunk that it refuses: for servers that you know. A connection that breaks leaves so many unknown.
        Once the connection is lost the rest are not sent; `Delivery.elsewhere` says who needs another one.
        """
        return self._ready_outbox().send_many(messages, window, committing)

    def begin_stepwise(self) -> Stepwise:
        """A transaction for who learns of envelope and message little by little."""
        from smtp import stepwise  # for relays alone

        pipelining, chunking = self._uses()
        if self._proof is None:
            self._proof = Proof(self._connection, self._options.habits, chunking=chunking)
        self.begun += 1
        return stepwise.Stepwise(self._connection, self._proof, pipelining=pipelining, chunking=chunking)

    # -- inside ------------------------------------------------------------------------------------------

    def _finish_data(self, content: Content) -> Reply:
        rest = self._connection.write_to_its_end(content, chunking=False)
        self._connection.write_end(rest + self._connection.engine.send(commands.END))
        answer = self._connection.next_answer()
        if not answer.is_accepted:
            raise refused(answer)
        return answer.reply

    def _ready_outbox(self) -> Outbox:
        """Made anew whenever the server has said what it offers."""
        if self._outbox is None:
            pipelining, chunking = self._uses()
            connection, habits = self._connection, self._options.habits
            pipeline = Pipeline(connection, self.extensions, habits, pipelining=pipelining, chunking=chunking)
            self._outbox = Outbox(connection, self.extensions, habits, pipeline)
        return self._outbox

    def _uses(self) -> tuple[bool, bool]:
        """Whether to use PIPELINING, and CHUNKING."""
        options, offered = self._options, self.extensions.offered
        pipelining = options.use_pipelining and "PIPELINING" in offered
        chunking = options.use_chunking and "CHUNKING" in offered and not options.habits.is_wrong_about_chunks
        return pipelining, chunking

"""The protocol engine of a server: octets in, requests and pieces of messages out; answers in, octets out.

It knows no socket and no clock. Requests are answered in their order, each once. What is not a command, or comes where
it may not, is given out as a `Mistake` with its answer: whoever drives the engine says it when its turn has come.
"""

from __future__ import annotations

import base64
from collections import deque
from functools import lru_cache
from typing import NamedTuple

from smtp.commands import Kind
from smtp.errors import LocalProtocolError
from smtp.reply import Reply
from smtp.server.incoming import Checked, DataReader
from smtp.server.request import BadRequest, Request, decoded, parse
from smtp.server.state import State, after, expected

MAX_COMMAND = 4096
"""Octets of a command line. RFC 5321 section 4.5.3.1.4 has 512; extensions add to that."""
MAX_RESPONSE = 12_288
"""Octets of a line with base64 (RFC 4954 section 4)."""
MAX_REPLY_LINE = 510
# Finding a member of an enumeration takes longer than much of what is done for a command.
_DATA, _BDAT, _BDAT_LAST, _END = Kind.DATA, Kind.BDAT, Kind.BDAT_LAST, Kind.END
_RCPT, _AUTHENTICATING, _CLOSED = State.RCPT, State.AUTHENTICATING, State.CLOSED
_NOTHING_BEHIND = frozenset({Kind.AUTH, Kind.AUTH_RESPONSE, Kind.DATA})
"""What comes behind one of these depends on the answer to it."""
_NOTHING_IS_READ = frozenset({State.NEGOTIATING, State.CLOSED})


class Mistake(NamedTuple):
    """Something that can't be done as it came, and the answer to it.

    `is_excused`: who pipelines can't have known better, as with the chunks behind one that was refused.
    """

    reply: Reply
    is_excused: bool = False


class Piece(NamedTuple):
    """Octets of the message, without the dots that were doubled."""

    data: bytes


class End(NamedTuple):
    """The message, or the chunk, is complete. `fault` is what it has to be refused with, None if nothing is wrong."""

    kind: Kind
    fault: Reply | None


Event = Request | Mistake | Piece | End


class ServerEngine:
    """One connection's protocol state. `max_size` is the largest message in octets."""

    def __init__(self, max_size: int) -> None:
        self.state = State.READY
        self.max_size = max_size
        self._expected = State.READY
        self._pending: deque[Kind | None] = deque()
        self._buffer = b""
        self._start = 0
        """Where in the buffer that begins which was not given out."""
        self._scanned = 0
        """Up to where no line ends."""
        self._is_skipping = False
        self._data: DataReader | None = None
        self._chunk: Request | None = None
        self._chunk_left = 0
        self._passes_over = False
        self._ended: Kind | None = None
        self._checked = Checked(max_size)

    @property
    def outstanding(self) -> int:
        """How many requests and mistakes have not been answered."""
        return len(self._pending)

    @property
    def is_in_message(self) -> bool:
        """Octets of a message are due."""
        return self._data is not None or self._chunk is not None

    def receive(self, data: bytes) -> None:
        """Take what the client sent."""
        if self._buffer:
            data = self._buffer[self._start :] + data
            self._scanned -= self._start
        self._buffer, self._start = data, 0

    def next_event(self) -> Event | None:
        """What the client said next; None until more is received, or until what it said is answered.

        Behind STARTTLS, AUTH and DATA nothing is read before the answer.
        """
        if self._ended is not None:
            return self._next_end(self._ended)
        if self._chunk is not None:
            return self._next_of_chunk(self._chunk)
        if not self._buffer:
            return None
        if self._data is not None:
            return self._next_of_data(self._data)
        pending = self._pending
        if self._expected in _NOTHING_IS_READ or (pending and pending[-1] in _NOTHING_BEHIND):
            return None
        while self._buffer and (line := self._next_line()) is not None:
            if self._expected is not _AUTHENTICATING and (not line or line.isspace()):
                continue  # people at a terminal leave lines empty
            if (event := self._request(line)) is not None or self._chunk is not None:
                return event
        return None

    def answer(self, reply: Reply) -> bytes:
        """The octets of the answer to the oldest request. Raises `LocalProtocolError` if nothing waits for one."""
        if not self._pending:
            raise LocalProtocolError(f"an answer that nothing waits for: {reply}")
        kind = self._pending.popleft()
        if kind is not None:
            self.state = after(self.state, kind, reply.code)
            if kind is _DATA and reply.code == 354:
                self._data, self._checked = DataReader(), Checked(self.max_size)
        elif reply.code == 421:
            self.state = _CLOSED
        if not self._pending or self.state is _CLOSED:
            self._expected = self.state
        return rendered(reply)

    def challenge(self, octets: bytes) -> bytes:
        """The octets of a SASL challenge, as the answer to AUTH or to the line before."""
        return self.answer(Reply(334, (base64.b64encode(octets).decode(),)))

    def close(self, reply: Reply) -> bytes:
        """The octets of a last word, whatever is outstanding (RFC 5321 section 3.8)."""
        self._pending.clear()
        self.state = self._expected = State.CLOSED
        self._drop_buffer()
        return rendered(reply)

    def tls_started(self) -> None:
        """Begin anew: nothing said before is kept, above all nothing that came early (RFC 3207 section 4.2)."""
        self._drop_buffer()
        self._is_skipping = False
        self.state = self._expected = State.READY

    def _drop_buffer(self) -> None:
        self._buffer, self._start, self._scanned = b"", 0, 0

    # -- lines -----------------------------------------------------------------------------------------------

    def _next_line(self) -> bytes | None:
        """The next line without its end; a line that is too long comes as what no command is."""
        buffer, start = self._buffer, self._start
        end = buffer.find(b"\n", self._scanned)
        if end < 0:
            self._scanned = len(buffer)
            if self._is_too_long(self._scanned - start):
                self._is_skipping = True
                self._drop_buffer()
            return None
        is_too_long = end - start > MAX_COMMAND + 1 and self._is_too_long(end + 1 - start)
        line = buffer[start : end + 1]
        if end + 1 == len(buffer):
            self._buffer, self._start, self._scanned = b"", 0, 0
        else:
            self._start = self._scanned = end + 1
        if self._is_skipping or is_too_long:
            self._is_skipping = False
            return _TOO_LONG
        return line[:-2] if line.endswith(b"\r\n") else _BARE_LF

    def _is_too_long(self, octets: int) -> bool:
        """Whether a line that the buffer begins with may not have so many octets, its end among them."""
        if octets <= MAX_COMMAND + 2:
            return False
        is_base64 = (
            self._expected is State.AUTHENTICATING
            or self._buffer[self._start : self._start + 5].upper() == b"AUTH "
        )
        return not is_base64 or octets > MAX_RESPONSE + 2

    def _request(self, line: bytes) -> Event | None:
        try:
            if line is _TOO_LONG:
                raise BadRequest(500, "5.5.2 The line is too long")
            if line is _BARE_LF:
                raise BadRequest(500, "5.5.2 Lines end in CRLF")
            if self._expected is _AUTHENTICATING:
                request = Request(Kind.AUTH_RESPONSE, response=decoded(line))
            else:
                request = parse(line)
        except BadRequest as exc:
            # Behind a challenge the refusal ends the exchange.
            in_login = self._expected is _AUTHENTICATING
            self._pending.append(Kind.AUTH_RESPONSE if in_login else None)
            return Mistake(exc.reply)
        kind = request.kind
        if kind is _BDAT or kind is _BDAT_LAST:
            return self._begin_chunk(request)
        following = expected(self._expected, kind)
        if following is None:
            self._pending.append(None)
            return Mistake(_not_now(self._expected, kind))
        self._expected = following
        self._pending.append(kind)
        return request

    # -- messages --------------------------------------------------------------------------------------------

    def _next_of_data(self, reader: DataReader) -> Event | None:
        piece = reader.feed(self._buffer[self._start :])
        self._drop_buffer()
        if piece:
            self._checked.take(piece)
        if reader.rest is not None:
            self._buffer = reader.rest
            self._data = None
            self._ended = _END
            return Piece(piece) if piece else self._next_end(_END)
        return Piece(piece) if piece else None

    def _begin_chunk(self, request: Request) -> Event | None:
        """What the chunk holds is read in any case, and passed over where no chunk is due (RFC 3030 section 2)."""
        self._chunk_left = request.octets
        if expected(self._expected, request.kind) is None:
            self._chunk, self._passes_over = request, True
            return self._next_of_chunk(request)
        if self._expected is _RCPT:
            self._checked = Checked(self.max_size)
        self._chunk, self._passes_over = request, False
        return request

    def _next_of_chunk(self, chunk: Request) -> Event | None:
        data = self._buffer[self._start : self._start + self._chunk_left]
        self._chunk_left -= len(data)
        self._start = self._scanned = self._start + len(data)
        if self._start == len(self._buffer):
            self._drop_buffer()
        if self._passes_over:
            if self._chunk_left:
                return None
            self._chunk = None
            self._pending.append(None)
            return Mistake(_not_now(self._expected, chunk.kind), is_excused=self._expected is State.SPOILED)
        if data:
            self._checked.take(data)
        if self._chunk_left == 0:
            self._chunk = None
            self._ended = chunk.kind
            return Piece(data) if data else self._next_end(chunk.kind)
        return Piece(data) if data else None

    def _next_end(self, kind: Kind) -> End:
        self._ended = None
        if kind is not _BDAT:
            self._checked.finish()
        fault = self._checked.fault
        # A 354 that was answered, or a chunk that was begun, is what this may come behind in any case.
        self._expected = expected(self._expected, kind) or self._expected
        self._pending.append(kind)
        return End(kind, None if fault is None else Reply(fault[0], (fault[1],)))


@lru_cache(512)  # most replies are the same again and again
def rendered(reply: Reply) -> bytes:
    """The octets of a reply: ASCII, and no line longer than a client may expect (RFC 5321 section 4.5.3.1.5)."""
    if len(reply.lines) == 1:
        return f"{reply.code} {reply.lines[0][: MAX_REPLY_LINE - 4]}\r\n".encode("ascii", "replace")
    *first, last = [line.encode("ascii", "replace")[: MAX_REPLY_LINE - 4] for line in reply.lines]
    return b"".join(b"%d-%b\r\n" % (reply.code, line) for line in first) + b"%d %b\r\n" % (reply.code, last)


def _not_now(state: State, kind: Kind) -> Reply:
    """Why this command can't come in this state."""
    if kind in (Kind.DATA, Kind.BDAT, Kind.BDAT_LAST) and state is State.MAIL:
        return Reply(554, ("5.5.1 There is no recipient that was accepted",))
    if kind in (Kind.BDAT, Kind.BDAT_LAST) and state is State.SPOILED:
        return Reply(503, ("5.5.1 A chunk was refused: RSET first",))
    if kind is Kind.MAIL:
        return Reply(503, ("5.5.1 There is a transaction already",))
    return Reply(503, (f"5.5.1 {kind.name.partition('_')[0]} may not come here",))


_TOO_LONG = b"\0too long"
_BARE_LF = b"\0bare LF"

"""The TLS handshake: how its end is told, whatever the system calls it."""

from __future__ import annotations

import ssl

import pytest

from smtp.connection import Connection
from smtp.errors import Category, ConnectionLost, Step
from smtp.options import Timeouts
from tests.support.stream import ListStream


class ClosingStream(ListStream):
    """The peer closes during the handshake, as `error` says."""

    def __init__(self, error: OSError) -> None:
        super().__init__([])
        self._error = error

    def start_tls(self, context: ssl.SSLContext, server_hostname: str, deadline: float) -> None:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [ssl.SSLEOFError(8, "EOF"), ssl.SSLZeroReturnError(6, "closed"), ConnectionResetError(104, "reset")],
    ids=lambda error: type(error).__name__,
)
def test_a_connection_that_ends_during_the_handshake_may_be_tried_again(error: OSError) -> None:
    stream = ClosingStream(error)
    with pytest.raises(ConnectionLost) as caught:
        Connection(stream, Timeouts()).start_tls(ssl.create_default_context(), "mail.example.com")
    assert (caught.value.step, caught.value.category) == (Step.TLS, Category.NETWORK)
    assert caught.value.retryable
    assert stream.is_closed

"""The stream over a real socket: deadlines that hold, and no way to be stuck with a peer that does not read."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from smtp.errors import Cancelled, Category, ConnectError, Step
from smtp.stream import MAX_READ_ASIDE, SocketStream, connect
from tests.support.authority import authority
from tests.support.scripted.server import closed_port

BIG = b"x" * 16 * 1024 * 1024
"""More than the buffers of two sockets hold."""


def soon(seconds: float = 0.3) -> float:
    return time.monotonic() + seconds


@pytest.fixture
def pair() -> Iterator[tuple[SocketStream, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    stream = SocketStream(ours)
    yield stream, theirs
    stream.close()
    theirs.close()


def test_what_is_written_arrives_and_what_is_said_is_read(pair: tuple[SocketStream, socket.socket]) -> None:
    stream, peer = pair
    stream.write(b"EHLO me\r\n", soon())
    assert peer.recv(100) == b"EHLO me\r\n"
    peer.sendall(b"250 hi\r\n")
    assert stream.read(soon(5)) == b"250 hi\r\n"


def test_a_read_ends_at_its_deadline_and_an_end_is_an_empty_read(
    pair: tuple[SocketStream, socket.socket],
) -> None:
    stream, peer = pair
    with pytest.raises(TimeoutError):
        stream.read(soon(0.05))
    assert not stream.has_input()
    peer.close()
    assert stream.read(soon(5)) == b""
    assert stream.has_input()


def test_a_write_ends_at_its_deadline_when_the_peer_reads_now_and_then(
    pair: tuple[SocketStream, socket.socket],
) -> None:
    stream, peer = pair
    done = threading.Event()

    def drip() -> None:
        while not done.wait(0.02):
            peer.recv(1)

    reader = threading.Thread(target=drip)
    reader.start()
    try:
        with pytest.raises(TimeoutError):
            stream.write(BIG, soon())
    finally:
        done.set()
        reader.join()


def test_a_peer_that_answers_without_reading_does_not_block_the_writer_for_ever(
    pair: tuple[SocketStream, socket.socket],
) -> None:
    stream, peer = pair
    replies = b"250 2.1.5 recipient OK\r\n" * 40_000
    peer.settimeout(5)

    def answer_then_read() -> None:
        peer.sendall(replies)
        received = 0
        while received < len(BIG):
            received += len(peer.recv(1024 * 1024))

    answering = threading.Thread(target=answer_then_read)
    answering.start()
    stream.write(BIG, soon(5))
    answering.join()
    heard = b""
    while len(heard) < len(replies):
        heard += stream.read(soon(5))
    assert heard == replies


def test_a_peer_that_says_far_too_much_meanwhile_ends_the_write(
    pair: tuple[SocketStream, socket.socket],
) -> None:
    stream, peer = pair
    flood = threading.Thread(target=_flood, args=(peer,))
    flood.start()
    with pytest.raises(OSError, match="octets that nobody asked for"):
        stream.write(BIG, soon(5))
    stream.close()
    flood.join()


def _flood(peer: socket.socket) -> None:
    try:
        peer.sendall(b"250-more\r\n" * MAX_READ_ASIDE)
    except OSError:
        return


def test_waiting_for_a_peer_that_has_hung_up_but_reads_nothing_costs_no_processor_time(
    pair: tuple[SocketStream, socket.socket],
) -> None:
    stream, peer = pair
    peer.shutdown(socket.SHUT_WR)
    before = time.thread_time()
    with pytest.raises(TimeoutError):
        stream.write(BIG, soon(0.5))
    assert time.thread_time() - before < 0.25


def test_an_interrupt_ends_a_wait(pair: tuple[SocketStream, socket.socket]) -> None:
    class Stop(Exception):
        pass

    def interrupt() -> None:
        raise Stop

    stream, peer = pair
    interrupted = SocketStream(peer.dup(), interrupt)
    with pytest.raises(Stop):
        interrupted.read(soon(5))
    interrupted.close()
    assert not stream.has_input()


def test_a_handshake_ends_at_its_deadline(pair: tuple[SocketStream, socket.socket]) -> None:
    stream, _ = pair
    with pytest.raises(TimeoutError):
        stream.start_tls(authority().client(), "localhost", soon(0.1))


def test_a_port_where_nobody_listens_is_an_error_of_the_connection() -> None:
    with pytest.raises(ConnectError) as raised:
        connect("127.0.0.1", closed_port(), 5)
    assert raised.value.step is Step.CONNECT
    assert raised.value.retryable


def test_connecting_ends_at_its_deadline() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # One connection fills the queue of a listener that accepts none; the next one gets no answer.
        with socket.create_connection(full.getsockname()):
            start = time.monotonic()
            with pytest.raises(ConnectError):
                connect("127.0.0.1", full.getsockname()[1], 0.3)
    assert time.monotonic() - start < 3


def stop_after(seconds: float) -> Callable[[], None]:
    until = time.monotonic() + seconds

    def interrupt() -> None:
        if time.monotonic() > until:
            raise Cancelled("stopped", step=Step.CONNECT)

    return interrupt


def test_an_interrupt_ends_the_wait_for_a_connection() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):
            start = time.monotonic()
            with pytest.raises(Cancelled):
                connect("127.0.0.1", full.getsockname()[1], 30, stop_after(0.1))
    assert time.monotonic() - start < 10


def test_an_interrupt_ends_the_wait_for_the_name_service(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **more: done.wait(30) and [])
    try:
        with pytest.raises(Cancelled):
            connect("mail.example.test", 25, 30, stop_after(0.1))
        assert not done.is_set()
    finally:
        done.set()


@pytest.mark.parametrize(
    ("number", "category", "retryable"),
    [
        (socket.EAI_NONAME, Category.CONFIGURATION, False),
        (socket.EAI_AGAIN, Category.NETWORK, True),
        (socket.EAI_FAIL, Category.NETWORK, True),
    ],
)
def test_a_name_that_does_not_exist_is_told_from_one_that_can_not_be_looked_up(
    monkeypatch: pytest.MonkeyPatch, number: int, category: Category, retryable: bool
) -> None:
    def fails(*arguments: object, **more: object) -> None:
        raise socket.gaierror(number, "no")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(ConnectError, match=r"mail\.example\.test") as raised:
        connect("mail.example.test", 25, 5)
    error = raised.value
    assert (error.step, error.category, error.retryable) == (Step.NAME_RESOLUTION, category, retryable)


def test_a_name_service_that_does_not_answer_is_not_waited_for_longer_than_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **more: done.wait(10) and [])
    start = time.monotonic()
    try:
        with pytest.raises(ConnectError) as raised:
            connect("mail.example.test", 25, 0.2)
    finally:
        done.set()
    assert raised.value.retryable
    assert time.monotonic() - start < 5


def test_an_address_that_does_not_answer_is_followed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", listener.getsockname())
        bad = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", closed_port()))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **more: [bad, good])
        stream = connect("mail.example.test", 25, 5)
        assert stream.peer == "127.0.0.1"
        stream.close()

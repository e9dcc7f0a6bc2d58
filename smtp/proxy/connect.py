"""A stream to a mail server that only a proxy reaches."""

from __future__ import annotations

import time
from collections.abc import Callable

from smtp.errors import Category, ConnectError, Step
from smtp.proxy.handshake import Proxy, ProxyRefused, handshake
from smtp.stream import SocketStream, connect


def connect_through(
    proxy: Proxy, host: str, port: int, timeout: float, interrupt: Callable[[], None] | None = None
) -> SocketStream:
    """Connect to the proxy and have it connect to `host`:`port`, within `timeout` seconds. Raises `ConnectError`."""
    deadline = time.monotonic() + timeout
    stream = connect(proxy.host, proxy.port, timeout, interrupt)
    try:
        dialogue = handshake(proxy, host, port)
        written = dialogue.start()
        while True:
            if written:
                stream.write(written, deadline)
            if dialogue.is_done:
                break
            data = stream.read(deadline)
            if not data:
                raise ProxyRefused("it closed the connection")
            written = dialogue.receive(data)
    except BaseException as exc:
        stream.close()
        if isinstance(exc, ProxyRefused | TimeoutError | OSError):
            raise _error(proxy, f"{host}:{port}", exc) from exc
        raise
    stream.is_proxied = True
    stream.give_back(dialogue.rest)
    return stream


def _error(proxy: Proxy, server: str, exc: Exception) -> ConnectError:
    if isinstance(exc, ProxyRefused):
        reason, is_about_us = str(exc), exc.is_about_us
    elif isinstance(exc, TimeoutError):
        reason, is_about_us = "no answer in time", False
    else:
        reason, is_about_us = (getattr(exc, "strerror", None) or type(exc).__name__).lower(), False
    return ConnectError(
        f"no connection to {server} through the {proxy.name}: {reason}",
        step=Step.CONNECT,
        category=Category.CONFIGURATION if is_about_us else Category.NETWORK,
        retryable=not is_about_us,
        hint="Check the proxy's address and login, and whether it may connect to this server and port.",
    )

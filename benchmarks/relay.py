"""A link of a given length: what comes in leaves again, both ways, a fixed time later. Round trips are counted.

As a program: `python -m benchmarks.relay PORT DELAY`. It prints its own port, and for each line that it reads
the number of round trips since the last one.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio import StreamReader, StreamWriter
from collections import deque
from collections.abc import Callable


class Relay:
    """Listens on a port of 127.0.0.1 and passes everything on to another one, `delay` seconds later each way.

    A round trip is a turn of the conversation: the client goes on after it has heard something. (With several
    messages in flight nobody waits for anybody, and turns say nothing: there, time does.)
    """

    def __init__(self, port: int, delay: float) -> None:
        self._port = port
        self._delay = delay
        self.round_trips = 0

    async def listen(self) -> int:
        """Start; returns the port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, from_client: StreamReader, to_client: StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        # Making a TCP connection takes a round trip too, which on this machine it does not by itself.
        self.round_trips += 1
        await asyncio.sleep(2 * self._delay)
        has_heard = False

        def client_spoke() -> None:
            nonlocal has_heard
            self.round_trips += has_heard
            has_heard = False

        def client_hears() -> None:
            nonlocal has_heard
            has_heard = True

        await asyncio.gather(
            self._pass_on(from_client, to_server, on_arrival=client_spoke),
            self._pass_on(from_server, to_client, on_departure=client_hears),
        )

    async def _pass_on(
        self,
        source: StreamReader,
        target: StreamWriter,
        on_arrival: Callable[[], None] = lambda: None,
        on_departure: Callable[[], None] = lambda: None,
    ) -> None:
        loop = asyncio.get_running_loop()
        under_way: deque[tuple[float, bytes]] = deque()
        something = asyncio.Event()

        async def deliver() -> None:
            while True:
                while not under_way:
                    something.clear()
                    await something.wait()
                due, data = under_way.popleft()
                await asyncio.sleep(due - loop.time())
                if not data:
                    return
                on_departure()
                target.write(data)

        delivery = asyncio.create_task(deliver())
        data = b"begin"
        while data:
            try:
                data = await source.read(256 * 1024)
            except OSError:
                data = b""
            if data:
                on_arrival()
            under_way.append((loop.time() + self._delay, data))
            something.set()
        with contextlib.suppress(OSError):
            await delivery
        target.close()


async def _main(port: int, delay: float) -> None:
    relay = Relay(port, delay)
    print(await relay.listen(), flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(relay.round_trips, flush=True)
        relay.round_trips = 0


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), float(sys.argv[2])))

"""aiosmtpd as a relay that keeps one session with the mail server.

As a program: `python -m benchmarks.peers.relay_with_aiosmtpd PORT`, which prints its own port.
Its own `Proxy` makes a connection for each mail; this handler does the same over one that is kept.
"""

from __future__ import annotations

import asyncio
import smtplib
import sys

from aiosmtpd.smtp import SMTP, Envelope, Session


class Kept:
    """Hands each mail on over one session, in a thread, so that the loop goes on."""

    def __init__(self, port: int) -> None:
        self._client = smtplib.SMTP("127.0.0.1", port)
        self._lock = asyncio.Lock()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        async with self._lock:
            await asyncio.to_thread(
                self._client.sendmail,
                envelope.mail_from or "",
                envelope.rcpt_tos,
                envelope.original_content or b"",
            )
        return "250 OK"


async def main(port: int) -> None:
    handler = Kept(port)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, hostname="relay"), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))

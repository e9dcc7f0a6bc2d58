"""aiosmtpd as a relay, in two ways.

As a program: `python -m benchmarks.peers.relay_with_aiosmtpd kept|proxy PORT`, which prints its own port. `proxy` is
the handler that comes with aiosmtpd: it connects anew for each mail, and blocks its loop meanwhile. `kept` keeps a
session with the mail server for each client's, and says everything over it in a thread.
"""

from __future__ import annotations

import asyncio
import smtplib
import sys

from aiosmtpd.handlers import Proxy
from aiosmtpd.smtp import SMTP, Envelope, Session


class Kept:
    """Hands each mail on over the session that belongs to its client."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._clients: dict[Session, smtplib.SMTP] = {}

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        await asyncio.to_thread(self._hand_on, session, envelope)
        return "250 OK"

    def _hand_on(self, session: Session, envelope: Envelope) -> None:
        client = self._clients.get(session)
        if client is None:
            client = self._clients[session] = smtplib.SMTP("127.0.0.1", self._port)
        client.sendmail(envelope.mail_from or "", envelope.rcpt_tos, envelope.original_content or b"")


async def main(way: str, port: int) -> None:
    handler = Kept(port) if way == "kept" else Proxy("127.0.0.1", port)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, hostname="relay"), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))

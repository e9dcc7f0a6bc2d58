"""aiosmtplib, over a connection that is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from aiosmtplib import SMTP

from benchmarks.mails import SENDER
from benchmarks.peers.with_smtplib import compose


def kept_connection(port: int, mails: Sequence[Mapping[str, str]]) -> None:
    async def send() -> None:
        async with SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for mail in mails:
                await client.send_message(compose(mail))

    asyncio.run(send())


def send_ready(port: int, message: bytes, count: int) -> None:
    async def send() -> None:
        async with SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for _ in range(count):
                await client.sendmail(SENDER, ["person0@example.com"], message)

    asyncio.run(send())

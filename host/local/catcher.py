"""A mail server on this machine that keeps what it is given: what the demo and the console's inbox stand on."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Self, cast

from aiosmtpd.controller import Controller

HOST = "127.0.0.1"


class CatchingServer(Controller):
    """aiosmtpd, while in its `with`, on a port that the system chooses. `options` are those of its controller."""

    def __init__(self, handler: object, **options: Any) -> None:
        super().__init__(handler, hostname=HOST, port=0, enable_SMTPUTF8=True, **options)

    def _trigger_server(self) -> None:
        # The controller looks at the port to see whether it serves.
        self.port = cast(asyncio.Server, self.server).sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd has no hints here

    def __enter__(self) -> Self:
        # aiosmtpd warns about attributes of its own at each login.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

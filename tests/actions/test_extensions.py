"""What a server offers decides how a message is written, also where the offer makes no sense."""

from __future__ import annotations

import pytest

from tests.support.running import Runner, asset
from tests.support.scripted import ScriptedServer, Settings


@pytest.mark.parametrize(("field", "value"), [("to", "jörg@example.com"), ("body", "Grüße")])
def test_no_octet_above_127_goes_to_a_server_with_smtputf8_but_without_8bitmime(
    run: Runner, field: str, value: str
) -> None:
    with ScriptedServer(Settings(eight_bit=False, smtputf8=True)) as server:
        done = run("send_email", asset(server), {"to": "jane@example.com", "body": "x"} | {field: value})
    assert server.log.clear.isascii()
    assert server.log.violations == []
    if field == "to":
        assert "jörg@example.com' is not ASCII before the @" in done.message
    else:
        assert done.message == "Email sent"

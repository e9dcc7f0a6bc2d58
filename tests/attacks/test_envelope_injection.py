"""Addresses that would say more to the server than an address: parameters, other addresses, other commands."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.running import Runner, asset
from tests.support.scripted import ScriptedServer, Settings

HOSTILE = [
    "a@evil.example> ORCPT=rfc822;x@evil.example",
    '"a@evil.example> ORCPT=x"@ok.example',
    "a@ok.example(x)evil.example",
    "a@ok.example (x) evil.example",
    "a@ok.example>\r\nRCPT TO:<b@evil.example",
    '"a\r\nRCPT TO:<b@evil.example>"@ok.example',
    "<a@ok.example><b@evil.example>",
    "<<a@ok.example>>",
    "<@relay.example:a@ok.example>",
    "a@ok.example@evil.example",
    '"a"b@ok.example',
    "a@[127.0.0.1]evil.example",
    "a@[x] SIZE=1",
    "a@ok.example SIZE=1",
    "a@ok.example\tNOTIFY=NEVER",
    "a\\@evil.example@ok.example",
    "a%evil.example@ok.example",
    "a!b@ok.example",
    "a@ok.example\0",
    "a@ok.example\u2028RCPT TO:<b@evil.example>",
    "=?utf-8?q?a=40evil.example=3E?=@ok.example",
    "a@ok.example=?utf-8?q?=0D=0A?=",
    "mailto:a@ok.example?bcc=b@evil.example",
    "<mailto:a@ok.example?bcc=b@evil.example>",
    "<mailto:a%0D%0ARCPT%20TO:b@ok.example>",
    "a@ok.example%0d%0aRCPT",
    "..@ok.example",
    '""@ok.example',
    '" "@ok.example',
    "a@" + "x" * 64 + ".example",
]
RECIPIENT = r"RCPT TO:<(?:[^<>\s\"]+|\"(?:[^\"\\]|\\.)*\"@[^<>\s]+)>"


@pytest.mark.parametrize("address", HOSTILE)
@pytest.mark.parametrize("field", ["to", "bcc", "from", "headers"])
def test_each_command_is_one_address_and_nothing_else(run: Runner, field: str, address: str) -> None:
    value: Any = {"Bcc": address} if field == "headers" else address
    with ScriptedServer(Settings(smtputf8=False)) as server:
        run("send_email", asset(server), {"to": "good@ok.example", "body": "x", field: value})
    assert server.log.violations == []
    for message in server.log.accepted:
        assert set(message.parameters) <= {f"SIZE={len(message.content)}", "BODY=8BITMIME"}
        assert not any(message.recipient_parameters)
        for arrived in (message.sender, *message.recipients):
            local_part, _, domain = arrived.rpartition("@")
            assert domain in ("ok.example", "example.com")
            assert local_part.startswith('"') == local_part.endswith('"')
            assert local_part.startswith('"') or not set(local_part) & set('<>@"\\ \t\r\n(),:;[]')


@pytest.mark.parametrize("address", HOSTILE)
def test_a_raw_message_can_not_say_more_either(run: Runner, address: str) -> None:
    raw = f"From: good@ok.example\nTo: b@ok.example\nBcc: {address}\nSubject: x\n\nx"
    with ScriptedServer(Settings(smtputf8=False)) as server:
        run("send_rawemail", asset(server), {"raw_email": raw})
    assert server.log.violations == []
    for message in server.log.accepted:
        assert not any(message.recipient_parameters)
        assert all(arrived.rpartition("@")[2] == "ok.example" for arrived in message.recipients)


def test_what_is_shown_and_who_receives_come_from_one_reading(run: Runner) -> None:
    tricky = '"evil@evil.example" <a@ok.example>, "b@ok.example, c@evil.example" <b@ok.example>'
    with ScriptedServer() as server:
        run("send_email", asset(server), {"to": tricky, "body": "x"})
    (message,) = server.log.accepted
    assert message.recipients == ("a@ok.example", "b@ok.example")

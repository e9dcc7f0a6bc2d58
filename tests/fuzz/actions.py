"""Whole action runs with anything for parameters: one clear result each, and never a mistake of ours."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from typing import Any

from host.local.home import HOME_VARIABLE
from host.manifest.model import load
from smtp_connector import SmtpConnector
from tests.fuzz.rules import must
from tests.support.scripted.server import closed_port

SEPARATOR = b"\xff"
"""Between the values; an octet that UTF-8 has no use for."""
JSON = "\x00"
"""A value that begins so is JSON; any other is a text."""
_ACTIONS = ("send_email", "send_htmlemail", "send_rawemail")


def actions(octets: bytes) -> None:
    """The first octet chooses the action, the values are those of its parameters in their order."""
    action, values = _ACTIONS[(octets[:1] or b"\0")[0] % 3], octets[1:].split(SEPARATOR)
    names = _names(action)
    given = {name: _value(value) for name, value in zip(names, values, strict=False) if value}
    order = {
        "identifier": action,
        "config": _asset(),
        "parameters": [given],
        "environment_variables": {HOME_VARIABLE: _home().name},
    }
    connector = SmtpConnector()
    connector.show_progress = lambda text: None
    document: dict[str, Any] = json.loads(connector._handle_action(json.dumps(order), None))
    (result,) = document["result_data"]
    (data,) = result["data"]
    must(result["status"] == "failed", "sent without a server")
    must(data["outcome"] == "not sent", f"{data['outcome']} without a server")
    must(data["failure"]["category"] != "internal", result["message"])
    must(result["message"].startswith("Nothing was sent"), result["message"])
    must(len(result["message"]) < 64 * 1024, "a message without end")
    must(not any(c in result["message"] for c in "\r\x00\x1b\u202e"), "a message that can't be shown")


@cache
def _names(action: str) -> tuple[str, ...]:
    return tuple(load().action(action).parameters)


@cache
def _asset() -> dict[str, Any]:
    return {
        "server": "127.0.0.1",
        "port": closed_port(),
        "ssl_config": "None",
        "sender_address": "soar@example.test",
        "connection_timeout": 1,
    }


@cache
def _home() -> tempfile.TemporaryDirectory[str]:
    """An empty data folder, gone when the process ends."""
    return tempfile.TemporaryDirectory()


def _value(octets: bytes) -> object:
    text = octets.decode("utf-8", "surrogateescape")
    if text.startswith(JSON):
        try:
            return json.loads(text[1:], parse_constant=str)
        except (ValueError, RecursionError):
            return None
    return text

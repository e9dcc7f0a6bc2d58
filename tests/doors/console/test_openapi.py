"""The API's own description: true, made from the manifest, and driven by schemathesis without a server error."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_schema_conformance,
    status_code_conformance,
)

from doors.console.api_routes import ADDRESSES
from doors.console.app import make_app
from doors.console.console import Console
from doors.console.openapi import document
from host.local.people.roles import Role
from host.manifest.model import load
from tests.doors.console.conftest import Desk

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    ignored_auth,
]
MANIFEST = load()


def test_every_action_is_in_it() -> None:
    described = document(MANIFEST, "http://127.0.0.1:8025")
    runs = described["components"]["schemas"]["ActionRunRequest"]["oneOf"]
    assert [one["properties"]["action"]["const"] for one in runs] == [one.name for one in MANIFEST.actions]
    for action in MANIFEST.actions:
        parameters = described["components"]["schemas"][f"Parameters_{action.identifier}"]
        assert list(parameters["properties"]) == list(action.parameters)


@pytest.fixture
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up assets name made-up servers: none of them is asked for, and nothing is connected to."""

    def refuse(*_arguments: Any, **_more: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def drive(console: Console, examples: int) -> int:
    """How many operations were driven."""
    token = console.tokens.make("schemathesis", Role.ADMINISTRATOR)
    schema = schemathesis.openapi.from_asgi(
        "/openapi.json", make_app(console), headers={"Host": "127.0.0.1:8025"}
    )
    operations = list(schema.get_all_operations())
    for result in operations:
        operation = result.ok()

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def one(case: Any) -> None:
            case.call_and_validate(headers={"ph-auth-token": token, "Host": "127.0.0.1:8025"}, checks=CHECKS)

        one()
    return len(operations)


def test_nothing_that_can_be_asked_is_a_server_error(desk: Desk, only_this_machine: None) -> None:
    desk.add_asset()
    assert drive(desk.console, 5) == len(ADDRESSES)

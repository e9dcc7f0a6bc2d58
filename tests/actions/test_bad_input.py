"""Input that is not right: the asset, the parameters, the JSON. One message names every fault; nothing is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.running import Run, Runner, asset

MAIL = {"to": "a@example.com", "body": "x"}


def stopped(run: Runner, inbox: Inbox, catcher: Catcher, *parameters: Any, **fields: Any) -> Run:
    """The run, which sent nothing."""
    done = run("send_email", asset(catcher, **fields), *(parameters or [MAIL]))
    assert done.document["status"] == "failed"
    assert done.document["message"].startswith("Nothing was sent")
    assert inbox.is_empty
    return done


class TestTheAsset:
    @pytest.mark.parametrize(
        ("field", "value", "allowed"),
        [
            ("server", None, "missing, and it is required"),
            ("server", "", "missing, and it is required"),
            ("server", "http://mail.example.com", "a host name or an IP address"),
            ("server", "mail.example.com:25", "a host name or an IP address"),
            ("server", "a b", "a host name or an IP address"),
            ("server", "a\r\nb", "a host name or an IP address"),
            ("server", "mail\u202e.example.com", "a host name or an IP address"),
            ("server", 25, "a host name or an IP address"),
            ("port", 0, "a whole number from 1 to 65535"),
            ("port", 65536, "a whole number from 1 to 65535"),
            ("port", 25.5, "a whole number from 1 to 65535"),
            ("port", "smtp", "a whole number from 1 to 65535"),
            ("port", -1, "a whole number from 1 to 65535"),
            ("port", True, "a whole number from 1 to 65535"),
            ("port", [25], "a whole number from 1 to 65535"),
            ("port", "1e400", "a whole number from 1 to 65535"),
            ("ssl_config", "TLS", "None, SSL or StartTLS"),
            ("ssl_config", False, "None, SSL or StartTLS"),
            ("auth_type", "NTLM", "Automatic, OAuth, Basic or Passwordless"),
            ("encoding", "yes", "true or false"),
            ("allow_smtputf8", 1, "true or false"),
            ("verify_server_cert", "no", "true or false"),
            ("read_timeout", 0, "a number above 0"),
            ("read_timeout", "soon", "a number above 0"),
            ("connection_timeout", 1e9, "at most 600"),
            ("sender_address", "nobody", "an e-mail address"),
            ("sender_address", "a@b\r\nRCPT TO:<x@y>", "an e-mail address"),
            ("ehlo_name", "two words", "a host name"),
            ("ehlo_name", "x\r\nMAIL FROM:<>", "a host name"),
            ("username", "a\nb", "one line of text"),
        ],
    )
    def test_a_bad_field_is_named_with_what_is_allowed(
        self, run: Runner, catcher: Catcher, inbox: Inbox, field: str, value: object, allowed: str
    ) -> None:
        message = stopped(run, inbox, catcher, **{field: value}).document["message"]
        assert f"{field}: " in message
        assert allowed in message
        assert message.isprintable()

    def test_all_bad_fields_are_named_at_once(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        fields = {"port": "x", "ssl_config": "y", "read_timeout": -1, "encoding": "z", "sender_address": "w"}
        message = stopped(run, inbox, catcher, **fields).document["message"]
        assert all(f"{field}: " in message for field in fields)

    def test_a_bad_secret_is_not_shown(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        message = stopped(run, inbox, catcher, password=["canary-in-a-list"], client_secret=5.25).document[
            "message"
        ]
        assert "password: " in message
        assert "client_secret: " in message
        assert "canary" not in message
        assert "5.25" not in message

    @pytest.mark.parametrize("form", [lambda port: float(port), str, lambda port: f" {port}.0 "])
    def test_numbers_come_as_the_platform_gives_them(
        self, run: Runner, catcher: Catcher, inbox: Inbox, form: Any
    ) -> None:
        done = run("send_email", asset(catcher, port=form(catcher.port), read_timeout="5.0"), MAIL)
        assert done.succeeded
        assert len(inbox.messages) == 1

    def test_optional_fields_may_be_missing_none_or_empty(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        required = {
            "server": catcher.host,
            "port": catcher.port,
            "ssl_config": "None",
            "sender_address": "s@x.org",
        }
        optional = [
            name for name in asset(catcher, ca_bundle="", encoding="", ehlo_name="") if name not in required
        ]
        for nothing in (None, ""):
            assert run("send_email", {**required, **dict.fromkeys(optional, nothing)}, MAIL).succeeded
        assert run("send_email", required, MAIL).succeeded
        assert len(inbox.messages) == 3

    def test_an_unknown_field_is_told_and_ignored(self, run: Runner, catcher: Catcher) -> None:
        done = run("send_email", asset(catcher, Port=1, app_version="1.0.0", _reserved_x="y"), MAIL)
        assert done.succeeded
        ignored = [text for text in done.progress if text.startswith("Ignored in the asset")]
        assert len(ignored) == 1
        assert "did you mean port?" in ignored[0]


class TestParameters:
    @pytest.mark.parametrize("value", [0, 1.5, True, {"a": 1}, [1], [None], [["a@example.com"]]])
    def test_a_value_of_another_kind_is_named(
        self, run: Runner, catcher: Catcher, inbox: Inbox, value: object
    ) -> None:
        for field in ("to", "cc", "bcc", "attachments", "from", "subject", "body"):
            done = stopped(run, inbox, catcher, {**MAIL, field: value})
            assert f"{field}: " in done.message
            assert done.failure["category"] == "input"

    def test_an_unknown_parameter_is_an_error_with_a_guess(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        done = stopped(run, inbox, catcher, {**MAIL, "Subjct": "x"})
        assert "'Subjct': no such parameter; did you mean subject?" in done.message

    def test_missing_ones_are_all_named(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        done = stopped(run, inbox, catcher, {"to": None, "body": ""})
        assert done.message == (
            "Nothing was sent. to: missing, and it is required; body: missing, and it is required"
        )

    def test_the_result_of_a_bad_set_has_the_whole_shape(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        good = run("send_email", asset(catcher), MAIL)
        bad = run("send_email", asset(catcher), {"to": "nobody", "body": "x"}, {"cc": 5})
        for result in bad.results:
            assert set(result) == set(good.result)
            (data,) = result["data"]
            assert set(data) == {*good.data, "failure"}
            assert data["outcome"] == "not sent"
            assert result["summary"] == {"recipients": 0, "accepted": 0, "refused": 0}

    def test_braces_and_percents_go_through(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        done = stopped(run, inbox, catcher, {"to": "{x} %s {0} {{", "body": "x"})
        assert "'{x} %s {0} {{'" in done.message


class TestTheJson:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "null",
            '"send_email"',
            "{}",
            '{"identifier": "send_email", "config": [], "parameters": [{}]}',
            '{"identifier": "send_email", "config": {"server": "x"}, "parameters": {}}',
            '{"identifier": "send_email", "config": {"server": "x"}, "parameters": ["x"]}',
            '{"identifier": "send_email", "config": {"server": "x", "port": NaN}, "parameters": [{}]}',
            '{"identifier": "send_pigeon", "config": {"server": "x"}, "parameters": [{}]}',
            '{"identifier": "../evil", "config": {"server": "x"}, "parameters": [{}]}',
            '{"identifier": "__init__", "config": {"server": "x"}, "parameters": [{}]}',
            '{"identifier": "sending", "config": {"server": "x"}, "parameters": [{}]}',
            '{"identifier": 5, "config": {"server": "x"}, "parameters": [{}]}',
            "[" * 100_000,
            '{"parameters":' * 50_000,
        ],
    )
    def test_an_input_that_can_not_be_run_gets_a_result_that_says_why(self, run: Runner, text: str) -> None:
        done = run.of(text)
        assert done.document["status"] == "failed"
        assert done.document["message"]
        assert done.document["result_summary"]["total_objects_successful"] == 0
        assert "unexpected" not in done.document["message"]

    def test_an_action_is_found_by_its_identifier_and_by_its_name(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        for key in ({"identifier": "send_email"}, {"action": "send email"}, {"identifier": "SEND_EMAIL"}):
            text = json.dumps({**key, "config": asset(catcher), "parameters": [MAIL]})
            assert run.of(text).succeeded
        assert len(inbox.messages) == 3

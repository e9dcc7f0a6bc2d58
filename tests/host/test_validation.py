"""Inputs are judged by the manifest: all faults at once, in words that help, and never with a secret."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host.manifest.model import PATH, load
from host.manifest.validation import InvalidInput, Rules, short_repr

MANIFEST = load()
SECRETS = sorted(name for name, field in MANIFEST.configuration.items() if field.is_secret)
SEND_EMAIL = Rules(MANIFEST.action("send_email").parameters, "parameter")
SEND_HTMLEMAIL = Rules(MANIFEST.action("send_htmlemail").parameters, "parameter")
ASSET = Rules(MANIFEST.configuration, "asset field")
MAIL = {"to": "a@example.com", "body": "x"}


def faults_of(rules: Rules, values: object) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        rules.read(values)
    return {fault.field: fault.text for fault in caught.value.faults}


def test_none_and_empty_text_are_absent_and_defaults_come_from_the_manifest() -> None:
    values = {
        "to": "a@example.com",
        "html_body": "<p>",
        "cc": None,
        "bcc": "",
        "should_sanitize_template": None,
    }
    assert SEND_HTMLEMAIL.read(values) == {
        "to": "a@example.com",
        "html_body": "<p>",
        "should_sanitize_template": True,
        "thread": False,
    }


@pytest.mark.parametrize("value", [None, ""])
def test_a_required_parameter_that_is_empty_is_missing(value: str | None) -> None:
    assert faults_of(SEND_EMAIL, {**MAIL, "to": value}) == {"to": "missing, and it is required"}


def test_what_the_platform_adds_to_the_parameters_is_ignored() -> None:
    defaults = {"body_format": "automatic", "thread": False}
    assert SEND_EMAIL.read({**MAIL, "context": {"guid": "1"}, "_reserved_": 1}) == MAIL | defaults


def test_all_faults_are_named_at_once() -> None:
    faults = faults_of(SEND_EMAIL, {"too": "x", "subject": 5, "body": True})
    assert list(faults) == ["to", "subject", "body", "'too'"]
    assert faults["subject"] == "5 is not allowed; give text"
    assert faults["'too'"].startswith("no such parameter; did you mean to? (there are: from, to, cc,")


@pytest.mark.parametrize(
    ("value", "number"), [(25, 25), (25.0, 25), ("25", 25), ("25.0", 25), (" 587 ", 587)]
)
def test_numbers_may_be_floats_or_texts(value: object, number: int) -> None:
    port = ASSET.read({"server": "h", "port": value})["port"]
    assert (port, type(port)) == (number, int)


@pytest.mark.parametrize(
    "value",
    [
        0,
        65536,
        -1,
        25.5,
        "25.5",
        "smtp",
        True,
        float("nan"),
        float("inf"),
        "1e999",
        "2_5",
        [25],
        10**400,
        "9" * 5000,
    ],
)
def test_a_port_that_is_none_is_a_fault(value: object) -> None:
    text = faults_of(ASSET, {"server": "h", "port": value})["port"]
    assert text.endswith("is not allowed; give a whole number from 1 to 65535")
    assert len(text) < 160


@pytest.mark.parametrize(("value", "truth"), [(True, True), (False, False), ("TRUE", True), ("False", False)])
def test_booleans_may_be_texts(value: object, truth: bool) -> None:
    assert ASSET.read({"server": "h", "encoding": value})["encoding"] is truth


@pytest.mark.parametrize("value", [0, 1, "yes", "1", 1.0, []])
def test_anything_else_is_no_boolean(value: object) -> None:
    assert "give true or false" in faults_of(ASSET, {"server": "h", "encoding": value})["encoding"]


@pytest.mark.parametrize("value", [0, -1, "0", 3601, "soon", float("nan")])
def test_a_timeout_is_above_zero_and_ends(value: object) -> None:
    text = faults_of(ASSET, {"server": "h", "read_timeout": value})["read_timeout"]
    assert text.endswith("give a number above 0 and at most 3600")


@pytest.mark.parametrize(
    "host", ["mail.example.com", "192.0.2.1", "::1", "[2001:db8::1]", "fe80::1%eth0", "bücher.de"]
)
def test_a_server_is_a_name_or_an_address(host: str) -> None:
    assert ASSET.read({"server": host})["server"] == host


@pytest.mark.parametrize(
    "host",
    [
        "smtp://mail.example.com",
        "mail.example.com:25",
        "a b",
        "a\r\nb",
        "a\x00",
        "me@host",
        "host/",
        "x" * 300,
    ],
)
def test_a_server_is_nothing_else(host: str) -> None:
    assert faults_of(ASSET, {"server": host})["server"].endswith("without scheme, port or spaces")


def test_a_text_parameter_takes_no_list_but_a_list_parameter_does() -> None:
    assert SEND_EMAIL.read({**MAIL, "cc": ["a@b", "c@d"]})["cc"] == ["a@b", "c@d"]
    assert faults_of(SEND_EMAIL, {**MAIL, "subject": ["a"]}) == {"subject": "['a'] is not allowed; give text"}
    assert "give text or a list of texts" in faults_of(SEND_EMAIL, {**MAIL, "cc": ["a@b", 5]})["cc"]


def test_json_parameters_take_json_itself_too() -> None:
    assert SEND_EMAIL.read({**MAIL, "headers": {"X-A": "1"}})["headers"] == {"X-A": "1"}
    attached = [{"vault_id": "1"}]
    values = {"to": "a@b", "html_body": "x", "attachment_json": attached}
    assert SEND_HTMLEMAIL.read(values)["attachment_json"] == attached
    assert "give text or a JSON object" in faults_of(SEND_EMAIL, {**MAIL, "headers": []})["headers"]


@pytest.mark.parametrize("values", [None, [], "x", 5])
def test_parameters_that_are_no_object_are_a_fault(values: object) -> None:
    assert "is not a JSON object" in faults_of(SEND_EMAIL, values)["parameters"]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_never_shown(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ASSET.read({"server": "h", name: ["canary-1", {"canary-2": 5}]})
    assert "canary" not in str(caught.value)
    assert "the value (not shown) is not allowed; give text" in str(caught.value)


def test_a_hostile_value_is_shown_escaped_and_short() -> None:
    text = faults_of(ASSET, {"server": "h", "ssl_config": "\x1b[31m\u202e\r\n{}" + "x" * 10_000})[
        "ssl_config"
    ]
    assert text.isprintable()
    assert len(text) < 160
    assert text.endswith("is not allowed; give None, SSL or StartTLS")


@pytest.mark.parametrize("value", ["x" * 10**6, ["x" * 1000] * 1000, {"k": ["x"] * 1000}, 10**100])
def test_shown_is_short_whatever_the_value(value: object) -> None:
    assert len(short_repr(value)) <= 90


def test_deep_nesting_is_a_fault() -> None:
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    assert "nested too deeply" in faults_of(SEND_EMAIL, {**MAIL, "subject": nested})["parameters"]


def test_a_good_input_needs_no_jsonschema() -> None:
    program = (
        "import sys; from host.manifest.model import load; from host.manifest.validation import parse_asset;"
        "from host.manifest.validation import"
        " Rules; m = load(); parse_asset({'server': 'h', 'port': '25', 'encoding': 'true'}, '1', m);"
        "Rules(m.action('send_email').parameters, 'parameter').read({'to': ['a'], 'body': 'x', 'headers': {}});"
        "print('jsonschema' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PATH.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = (
    PLAIN | st.sampled_from(["SSL", "true", "25.0", "a.b"]) | st.lists(PLAIN, max_size=3) | st.just({"a": 1})
)


@settings(max_examples=300, deadline=None)
@given(st.data())
@pytest.mark.parametrize("rules", [SEND_EMAIL, SEND_HTMLEMAIL, ASSET], ids=["email", "htmlemail", "asset"])
def test_the_quick_look_agrees_with_the_schema(rules: Rules, data: st.DataObject) -> None:
    fields = rules.schema["properties"]
    good = {"to": "a@b", "body": "x", "html_body": "x", "server": "h"}
    values = {name: value for name, value in good.items() if name in fields}
    values |= data.draw(st.dictionaries(st.sampled_from([*fields, "other"]), VALUES, max_size=4))

    def outcome(checker: Rules) -> str:
        try:
            return json.dumps(checker.read(values))
        except InvalidInput as error:
            return str(error)

    assert outcome(rules) == outcome(OnlyBySchema(rules))


class OnlyBySchema(Rules):
    """The same rules without the quick look: `jsonschema` decides alone."""

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules._fields, rules._noun)

    def _is_plainly_valid(self, given: object) -> bool:
        return False

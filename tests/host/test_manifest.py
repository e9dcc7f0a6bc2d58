"""`connector.json` is valid for the platform, and has all that the actions take and give."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from host.manifest.model import PATH, UnknownAction, load

ROOT = PATH.parent
RAW: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
SCHEMA = json.loads((ROOT / "tests" / "manifest.schema.json").read_text(encoding="utf-8"))
WITH_OUTPUT = [action for action in RAW["actions"] if action["type"] != "test"]
SENDS = [action for action in WITH_OUTPUT if not action["read_only"]]
ASSET_FIELDS = """
    server port username password client_id client_secret auth_url token_url scopes sender_address ssl_config
    allow_smtputf8 encoding auth_type refresh_token verify_server_cert ca_bundle client_cert client_key
    client_key_password allow_plaintext_auth connection_timeout read_timeout ehlo_name server_name proxy
    fallback_servers
    disable_pipelining
    disable_chunking signature_text signature_html dkim_selector dkim_domain dkim_key smime_certificate smime_key
    smime_key_password smime_recipients allowed_recipients denied_recipients max_recipients redirect_to
    max_connections messages_per_minute recipients_per_day
    window
    device_code device_url oauth_certificate oauth_certificate_password managed_identity federated_token_file
    service_account_json login_as sasl_mechanism
"""
COMPOSED = (
    "idempotency_key reply_to in_reply_to thread importance envelope_sender dsn"
    " template_values attachment_names transient_files"
)
RESULT_PATHS = """
    outcome message_id sender
    redirected_recipients.* server_reply queue_id size server tls_version tls_cipher auth_method auth_mechanism
    duration_ms repeated warnings.*
    recipients.*.address recipients.*.status recipients.*.code recipients.*.enhanced_code
    recipients.*.reply recipients.*.retryable attachments.*.vault_id attachments.*.name attachments.*.size
    attachments.*.sha256 failure.step failure.code failure.enhanced_code failure.reply failure.category
    failure.retryable failure.retry_after failure.hint
"""
SUMMARY_PATHS = ("recipients", "accepted", "refused")
HTML_FILES = "attachment_json should_sanitize_template " + " ".join(
    f"attachment{n} content_id{n}" for n in range(1, 6)
)


def by_path(action: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {output["data_path"]: output for output in action["output"]}


def test_manifest_keeps_to_its_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    faults = [
        f"{'/'.join(map(str, error.path))}: {error.message:.200}"
        for error in Draft202012Validator(SCHEMA).iter_errors(RAW)
    ]
    assert faults == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("appid",), "1234"),
        (("min_phantom_version",), "6.2.0"),
        (("python_version",), ["3.9"]),
        (("app_version",), "1.0"),
        (("actions", 1, "description"), "Sends an email."),
        (("actions", 1, "identifier"), "send email"),
        (("actions", 1, "output"), []),
        (("actions", 1, "parameters", "to", "description"), "list of recipients"),
        (("configuration", "password", "default"), "secret"),
        (("configuration", "port", "default"), "25"),
        (
            ("configuration", "ingest"),
            {"data_type": "string", "description": "X", "required": False, "order": 0},
        ),
    ],
    ids=lambda item: ".".join(map(str, item)) if isinstance(item, tuple) else "",
)
def test_the_schema_refuses_what_the_platform_would(place: tuple[str | int, ...], value: object) -> None:
    manifest: Any = json.loads(PATH.read_text(encoding="utf-8"))
    inside = manifest
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    assert not Draft202012Validator(SCHEMA).is_valid(manifest)


def test_it_is_the_only_json_file_beside_the_main_module() -> None:
    assert [path.name for path in ROOT.glob("*.json")] == ["connector.json"]
    assert (ROOT / RAW["main_module"]).is_file()
    assert (ROOT / "__init__.py").is_file()


@pytest.mark.parametrize("key", ["logo", "logo_dark"])
def test_logos_are_svg_with_a_size_and_without_entities(key: str) -> None:
    text = (ROOT / RAW[key]).read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert int(root.attrib["width"]) > 0
    assert int(root.attrib["height"]) > 0
    assert "<!" not in text


def test_every_asset_field_is_declared_and_no_other() -> None:
    assert sorted(RAW["configuration"]) == sorted(ASSET_FIELDS.split())
    assert [name for name, field in RAW["configuration"].items() if field["required"]] == [
        "server",
        "ssl_config",
    ]


def test_secrets_are_passwords() -> None:
    passwords = {name for name, field in RAW["configuration"].items() if field["data_type"] == "password"}
    assert passwords == {
        "password",
        "proxy",
        "client_secret",
        "refresh_token",
        "client_key",
        "client_key_password",
        "dkim_key",
        "smime_key",
        "smime_key_password",
        "oauth_certificate",
        "oauth_certificate_password",
        "service_account_json",
    }
    secrets = {name for name, field in load().configuration.items() if field.is_secret}
    assert secrets == passwords | {"client_cert", "smime_certificate"}


@pytest.mark.parametrize(
    ("identifier", "required", "optional"),
    [
        ("test_connectivity", "", ""),
        ("send_email", "to body", f"from cc bcc subject attachments headers body_format {COMPOSED}"),
        ("send_rawemail", "raw_email", "idempotency_key"),
        (
            "send_htmlemail",
            "to html_body",
            f"from cc bcc subject headers text_body {HTML_FILES} {COMPOSED}",
        ),
        (
            "send_invitation",
            "to start end",
            "from cc subject timezone location description organizer method uid sequence reminder_minutes"
            " idempotency_key",
        ),
        (
            "preview_email",
            "to",
            f"from cc bcc subject body body_format html_body text_body attachments headers {HTML_FILES} {COMPOSED}",
        ),
    ],
)
def test_actions_take_the_parameters_that_playbooks_give(
    identifier: str, required: str, optional: str
) -> None:
    parameters = load().action(identifier).parameters
    assert {name for name, field in parameters.items() if field.required} == set(required.split())
    assert {name for name, field in parameters.items() if not field.required} == set(optional.split())


@pytest.mark.parametrize(
    "fields", [RAW["configuration"], *[action["parameters"] for action in RAW["actions"]]]
)
def test_orders_have_no_gap(fields: dict[str, dict[str, Any]]) -> None:
    assert [field["order"] for field in fields.values()] == list(range(len(fields)))


@pytest.mark.parametrize("action", WITH_OUTPUT, ids=lambda action: action["identifier"])
class TestOutputs:
    def test_columns_have_no_gap(self, action: dict[str, Any]) -> None:
        orders = sorted(output["column_order"] for output in action["output"] if "column_order" in output)
        assert orders == list(range(len(orders)))

    def test_no_path_is_declared_twice(self, action: dict[str, Any]) -> None:
        assert len(by_path(action)) == len(action["output"])

    def test_each_parameter_has_one_path_that_contains_the_same(self, action: dict[str, Any]) -> None:
        prefix = "action_result.parameter."
        outputs = {
            path.removeprefix(prefix): output
            for path, output in by_path(action).items()
            if path.startswith(prefix)
        }
        parameters = action["parameters"]
        assert {name: output.get("contains") for name, output in outputs.items()} == {
            name: parameter.get("contains") for name, parameter in parameters.items()
        }
        assert {name: output["data_type"] for name, output in outputs.items()} == {
            name: parameter["data_type"] for name, parameter in parameters.items()
        }

    def test_examples_are_of_the_declared_type(self, action: dict[str, Any]) -> None:
        types: dict[str, type | tuple[type, ...]] = {"string": str, "numeric": (int, float), "boolean": bool}
        wrong = [
            output["data_path"]
            for output in action["output"]
            for example in output.get("example_values", ())
            if not isinstance(example, types[output["data_type"]])
        ]
        assert wrong == []


@pytest.mark.parametrize("action", SENDS, ids=lambda action: action["identifier"])
def test_every_fact_of_a_result_has_its_path(action: dict[str, Any]) -> None:
    paths = set(by_path(action))
    wanted = {f"action_result.data.*.{path}" for path in RESULT_PATHS.split()}
    wanted |= {f"action_result.summary.{path}" for path in SUMMARY_PATHS}
    assert wanted | {"action_result.data", "action_result.summary"} <= paths


@pytest.mark.parametrize("wanted", ["send email", "send_email", "SEND Email", " Send_Email "])
def test_an_action_is_found_by_name_or_identifier(wanted: str) -> None:
    assert load().action(wanted).identifier == "send_email"


def test_an_unknown_action_is_told_what_it_may_have_meant() -> None:
    with pytest.raises(
        UnknownAction, match=r"Did you mean 'send htmlemail'\? There are: test connectivity, send"
    ):
        load().action("send_html_email")


def test_every_action_has_its_module() -> None:
    missing = [
        action["identifier"]
        for action in RAW["actions"]
        if not Path(ROOT, "actions", f"{action['identifier']}.py").is_file()
    ]
    assert missing == []

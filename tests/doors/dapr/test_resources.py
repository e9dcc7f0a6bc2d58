"""Component YAML and its secrets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from doors.dapr.component import Component, MetadataError, read_component
from doors.dapr.resources import Resources, read_resources
from doors.dapr.secrets import Secrets
from host.local.inputs import InputError
from smtp.tls import TlsMode
from tests.doors.dapr.samples import COMPONENT, component

HEAD = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n"
SPEC = "spec:\n  type: bindings.smtp\n  version: v1\n  metadata:\n"
SERVER = "  - name: host\n    value: h\n  - name: port\n    value: 25\n"


@dataclass
class Folder:
    """A folder of components, and what was said while it was read."""

    path: Path
    told: list[str] = field(default_factory=list)

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text, encoding="utf-8")

    def read(self, secrets: object = None) -> Resources:
        path = None
        if secrets is not None:
            path = self.path / "secrets.json"
            path.write_text(json.dumps(secrets))
        return read_resources(self.path, Secrets(path), self.told.append)

    def only(self, secrets: object = None) -> Component:
        (one,) = self.read(secrets).components.values()
        return one


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_the_documentations_component_is_read_as_it_is(folder: Folder) -> None:
    folder.write("smtp.yaml", component("mail.example.com", 587))
    found = folder.only()
    asset = found.asset
    assert (found.name, asset.server, asset.port) == ("smtp", "mail.example.com", 587)
    assert (asset.username, asset.login.password) == ("username", "password")
    assert not asset.verify_server_cert
    assert found.mail == {
        "emailFrom": "sender@example.com",
        "emailTo": "receiver@example.com",
        "emailCC": "cc@example.com",
        "emailBCC": "bcc@example.com",
        "subject": "subject",
    }


def test_the_documentations_component_without_a_server_is_told_and_can_not_send(folder: Folder) -> None:
    folder.write("a.yaml", COMPONENT)
    folder.write("b.yaml", HEAD.format(name="good") + SPEC + SERVER)
    found = folder.read()
    assert list(found.components) == ["good"]
    assert "port" in found.broken["smtp"]
    assert "the component smtp can't be used: smtp binding error: Unable to parse" in folder.told[0]


def test_several_documents_and_files_are_read_and_other_types_passed_over(folder: Folder) -> None:
    one, two = (HEAD.format(name=name) + SPEC + SERVER for name in ("one", "two"))
    queue = HEAD.format(name="queue") + "spec:\n  type: bindings.kafka\n"
    folder.write("a.yaml", f"{one}---\n{queue}---\n---\nnothing\n")
    folder.write("b.yml", two)
    folder.write("c.txt", "no YAML: [")
    assert list(folder.read().components) == ["one", "two"]
    assert [line.partition(": ")[2] for line in folder.told] == [
        "queue passed over: it is bindings.kafka, and no component of type bindings.smtp.",
        "passed over, because it is no component.",
    ]


def test_a_second_component_of_a_name_and_a_file_that_is_no_yaml_are_told(folder: Folder) -> None:
    one = HEAD.format(name="one") + SPEC + SERVER
    folder.write("a.yaml", f"{one}---\n{one}")
    folder.write("b.yaml", "password: canary\nx: [")
    assert list(folder.read().components) == ["one"]
    assert "a second component one passed over" in folder.told[0]
    assert "this is not YAML" in folder.told[1]
    assert "canary" not in str(folder.told)


def test_numbers_and_booleans_need_no_quotes(folder: Folder) -> None:
    folder.write(
        "a.yaml", HEAD.format(name="a") + SPEC + SERVER + "  - name: skipTLSVerify\n    value: true\n"
    )
    assert not folder.only().asset.verify_server_cert


LOGIN = "  - name: user\n    value: me\n  - name: password\n    secretKeyRef:\n      name: mail\n      key: password\n"


@pytest.mark.parametrize(
    "secrets", [{"mail": {"password": "canary"}}, {"mail": "canary"}, {"password": "canary"}]
)
def test_a_secret_is_found_in_a_file_of_one_or_two_levels(folder: Folder, secrets: object) -> None:
    folder.write("a.yaml", HEAD.format(name="a") + SPEC + SERVER + LOGIN)
    assert folder.only(secrets).asset.login.password == "canary"


def test_a_secret_is_found_in_the_environment(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("mail", "canary")
    folder.write("a.yaml", HEAD.format(name="a") + SPEC + SERVER + LOGIN + "auth:\n  secretStore: env\n")
    assert folder.only().asset.login.password == "canary"


def test_the_component_of_our_own_document_is_read(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    document = (Path(__file__).parents[3] / "docs" / "dapr.md").read_text(encoding="utf-8")
    folder.write("smtp.yaml", document.partition("```yaml\n")[2].partition("```")[0])
    monkeypatch.setenv("SMTP_PASSWORD", "canary")
    found = folder.only()
    assert (found.name, found.asset.server, found.asset.port) == ("smtp", "mail.example.com", 587)
    assert found.asset.login.password == "canary"
    assert folder.told == []


def test_a_secret_that_is_missing_is_named(folder: Folder) -> None:
    folder.write("a.yaml", HEAD.format(name="a") + SPEC + SERVER + LOGIN)
    folder.write("b.yaml", HEAD.format(name="b") + SPEC + SERVER)
    assert "name it with --secrets" in folder.read().broken["a"]
    assert "has no secret 'mail' with the key 'password'" in folder.read({"mail": {"other": "x"}}).broken["a"]


def test_where_no_component_can_send_nothing_is_served(folder: Folder) -> None:
    with pytest.raises(InputError, match="There is no component of type"):
        folder.read()
    with pytest.raises(InputError, match="can't be read"):
        read_resources(folder.path / "absent", Secrets(None), folder.told.append)


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ({}, "host and port fields are required in metadata"),
        ({"host": "h"}, "host and port fields are required in metadata"),
        ({"host": " ", "port": "25"}, "host and port fields are required in metadata"),
        ({"host": "h", "port": "0"}, "Unable to parse specified port"),
        ({"host": "h", "port": "65536"}, "Unable to parse specified port"),
        ({"host": "h", "port": "²"}, "Unable to parse specified port"),
        ({"host": "h", "port": "25", "user": "u"}, "both user and password fields are required in metadata"),
        (
            {"host": "h", "port": "25", "password": "p"},
            "both user and password fields are required in metadata",
        ),
        ({"host": "h", "port": "25", "skipTLSVerify": "maybe"}, "skipTLSVerify has to be true or false"),
        ({"host": "h", "port": "25", "startTLS": "no"}, "startTLS has to be required or ifOffered"),
        ({"host": "h", "port": "25", "priority": "6"}, "priority value must be between 1"),
        ({"host": "h", "HOST": "i", "port": "25"}, "host is given twice in metadata, as host and as HOST"),
    ],
)
def test_what_a_component_gets_wrong_is_named(metadata: dict[str, str], text: str) -> None:
    with pytest.raises(MetadataError, match=r"^smtp binding error: ") as raised:
        read_component("smtp", metadata)
    assert text in str(raised.value)


LOGS_IN = {"user": "me", "password": "p"}


@pytest.mark.parametrize(
    ("metadata", "mode"),
    [
        ({"port": "465"}, TlsMode.SSL),
        ({"port": "465", **LOGS_IN}, TlsMode.SSL),
        ({"port": "587", **LOGS_IN}, TlsMode.STARTTLS),
        ({"port": "25", **LOGS_IN}, TlsMode.STARTTLS),
        ({"port": "25"}, TlsMode.IF_OFFERED),
        ({"port": "25", "startTLS": "required"}, TlsMode.STARTTLS),
        ({"port": "25", "startTLS": "ifOffered", **LOGS_IN}, TlsMode.IF_OFFERED),
    ],
)
def test_tls_follows_from_port_and_user(metadata: dict[str, str], mode: TlsMode) -> None:
    assert read_component("smtp", {"Host": "h", **metadata}).asset.ssl_config is mode


def test_a_login_that_is_not_used_and_names_that_mean_nothing_are_told() -> None:
    metadata = {"host": "h", "port": "25", "startTLS": "ifOffered", "emailToo": "x", **LOGS_IN}
    warnings = read_component("smtp", metadata).warnings
    assert warnings == (
        "smtp: metadata emailToo means nothing here.",
        "smtp: with startTLS: ifOffered nobody logs in; user and password are not used.",
    )


def test_a_component_does_not_show_its_password() -> None:
    shown = repr(read_component("smtp", {"host": "h", "port": "25", "user": "me", "password": "canary"}))
    assert "canary" not in shown

"""Secrets that an asset names instead of holding: read when it is used, kept nowhere, missed by name."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from host.local.inputs import GivenAsset, InputError
from host.local.references import MAX_SECRET, is_reference, seen_by_others
from host.local.run import read_asset
from host.manifest.model import load

FIELDS: dict[str, Any] = {"server": "mail.example.com", "ssl_config": "StartTLS", "username": "soc"}


def password(value: object) -> str:
    """The password of an asset that has this as its password."""
    return read_asset(GivenAsset("", "", "prod", FIELDS | {"password": value}), load()).login.password


def refusal(**fields: object) -> str:
    with pytest.raises(InputError) as caught:
        read_asset(GivenAsset("", "", "prod", FIELDS | fields), load())
    return str(caught.value)


class Keyring(ModuleType):
    """A keyring with one entry; `error` is what it raises instead."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__("keyring")
        self.error = error

    def get_password(self, service: str, name: str) -> str | None:
        if self.error is not None:
            raise self.error
        return {("https://mail.example.com", "soc"): "from the ring"}.get((service, name))


def test_a_secret_is_read_from_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "password"
    path.write_bytes("pässword ".encode())
    monkeypatch.setenv("MAIL_PASSWORD", "from outside")
    monkeypatch.setitem(sys.modules, "keyring", Keyring())
    assert password({"env": "MAIL_PASSWORD"}) == "from outside"
    assert password({"file": str(path)}) == "pässword "
    assert password({"keyring": "https://mail.example.com/soc"}) == "from the ring"
    assert password("as it is") == "as it is"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"one\n", "one"),
        (b"one\r\n", "one"),
        (b"one\n\n", "one\n"),
        (b"one\ntwo", "one\ntwo"),
        (b"\xef\xbb\xbfone", "one"),
    ],
)
def test_the_last_line_end_of_a_file_is_no_part_of_it(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "password").write_bytes(content)
    assert password({"file": str(tmp_path / "password")}) == expected


def test_a_secret_is_read_anew_for_each_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "old")
    assert password({"env": "MAIL_PASSWORD"}) == "old"
    monkeypatch.setenv("MAIL_PASSWORD", "new")
    assert password({"env": "MAIL_PASSWORD"}) == "new"


def test_everything_that_cannot_be_read_is_named_with_its_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAIL_PASSWORD", raising=False)
    text = refusal(password={"env": "MAIL_PASSWORD"}, client_secret={"file": str(tmp_path / "none")})
    assert text == (
        "The asset prod is not right: password: the environment variable MAIL_PASSWORD is not set; "
        f"client_secret: the file {tmp_path / 'none'} can't be read: No such file or directory."
    )


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_an_empty_secret_is_told(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_bytes(content)
    monkeypatch.setenv("MAIL_PASSWORD", "")
    assert "is empty" in refusal(password={"file": str(tmp_path / "password")})
    assert "MAIL_PASSWORD is empty" in refusal(password={"env": "MAIL_PASSWORD"})


def test_what_is_no_text_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes(b"canary\xff")
    assert "not text in UTF-8" in (text := refusal(password={"file": str(path)}))
    assert "canary" not in text
    path.write_bytes(b"x" * (MAX_SECRET + 1))
    assert "larger than" in refusal(password={"file": str(path)})
    assert "can't be the name of a file" in refusal(password={"file": "a\0b"})
    assert "Is a directory" in refusal(password={"file": str(tmp_path)})


def test_a_keyring_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        sys.modules, "keyring", Keyring(RuntimeError("No recommended backend was available."))
    )
    assert "password: the keyring entry mail/soc can't be read: No recommended backend" in refusal(
        password={"keyring": "mail/soc"}
    )
    monkeypatch.setitem(sys.modules, "keyring", Keyring())
    assert "the keyring has no entry mail/soc" in refusal(password={"keyring": "mail/soc"})
    assert "write SERVICE/NAME" in refusal(password={"keyring": "mail"})
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert "smtp-connector[keyring]" in refusal(password={"keyring": "mail/soc"})


@pytest.mark.parametrize(
    "value",
    [{}, {"env": 5}, {"env": ""}, {"environment": "A"}, {"env": "A", "file": "b"}, {"text": "canary"}],
)
def test_what_names_nothing_is_refused_and_not_shown(value: dict[str, Any]) -> None:
    assert not is_reference(value)
    text = refusal(password=value)
    assert 'password: the value (not shown) is not allowed; give a text, {"env": "NAME"}' in text
    assert "canary" not in text


def test_only_a_secret_may_lie_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_SERVER", "mail.example.com")
    assert "server: {'env': 'MAIL_SERVER'} is not allowed" in refusal(server={"env": "MAIL_SERVER"})


def test_an_asset_is_checked_without_its_secrets() -> None:
    given = GivenAsset("", "", "prod", FIELDS | {"password": {"env": "SET_ONLY_IN_THE_SERVICE"}})
    assert read_asset(given, load(), looks=False).server == "mail.example.com"


def test_a_file_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    secret, source = tmp_path / "password", tmp_path / "asset.json"
    for path in (secret, source):
        path.write_text("x")
        path.chmod(0o640)
    elsewhere = FIELDS | {"password": {"file": str(secret)}}
    assert seen_by_others(elsewhere, source, load()) == (
        f"{secret} holds a secret, and others can read it: chmod 600 {secret}",
    )
    assert [text.split()[0] for text in seen_by_others(FIELDS | {"password": "x"}, source, load())] == [
        str(source)
    ]
    secret.chmod(0o600)
    assert seen_by_others(elsewhere, source, load()) == ()
    assert seen_by_others(FIELDS, source, load()) == ()

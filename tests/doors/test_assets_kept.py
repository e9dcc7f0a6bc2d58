"""`asset add` and `asset set`: from an address, a file, single fields; what is secret stays so, and tokens stay."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from auth.providers import profiles
from delivery.pool import Pool
from doors.cli import asset_commands
from doors.cli.command_line import main
from doors.cli.terminal import PROGRAM
from host.local.home import HOME_VARIABLE, Home
from host.manifest.model import load


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(asset_commands, "mx_names", lambda _domain: ())
    return tmp_path


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*argv: str, code: int = 0) -> tuple[Any, str]:
        assert main(("asset", *argv), Pool()) == code
        out, err = capsys.readouterr()
        return json.loads(out) if out else None, err

    return run


def stored(name: str) -> dict[str, Any]:
    return Home().assets.get(name).config


def typed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_an_address_is_enough_where_the_provider_is_known(call: Any) -> None:
    _, err = call("add", "me", "--email", "me@gmail.com")
    assert stored("me")["server"] == "smtp.gmail.com"
    assert (stored("me")["port"], stored("me")["ssl_config"]) == (465, "SSL")
    assert stored("me")["username"] == "me@gmail.com"
    assert f"Give it its password: {PROGRAM} asset set me password=@prompt" in err
    assert "app password" in err


def test_a_provider_is_found_by_who_takes_the_mail_of_a_domain(
    call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def answer(domain: str) -> Sequence[str]:
        asked.append(domain)
        return ("contoso-com.mail.protection.outlook.com",)

    monkeypatch.setattr(asset_commands, "mx_names", answer)
    _, err = call("add", "alerts", "--email", "alerts@contoso.com", "--set", "password=@env:ALERTS")
    assert asked == ["contoso.com"]
    assert (stored("alerts")["server"], stored("alerts")["max_connections"]) == ("smtp.office365.com", 3)
    assert err.startswith("Microsoft 365: smtp.office365.com, port 587. ")


def test_every_profile_makes_an_asset_that_is_allowed(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for profile in profiles.profiles():
        monkeypatch.setattr(profiles, "find", lambda _address, _names=(), found=profile: found)
        call("add", profile.id, "--email", "me@example.com")
        fields = profile.asset_fields("me@example.com")
        known = {name: value for name, value in fields.items() if name in load().configuration}
        assert stored(profile.id) == known


def test_what_is_given_counts_more_than_what_is_known(call: Any, folder: Path) -> None:
    (folder / "more.json").write_text(json.dumps({"port": 587, "ssl_config": "StartTLS", "password": "x"}))
    (folder / "more.json").chmod(0o600)
    call("add", "me", "--email", "me@gmail.com", "--config", "more.json", "--set", "port=2525")
    assert (stored("me")["server"], stored("me")["port"]) == ("smtp.gmail.com", 2525)
    assert (stored("me")["ssl_config"], stored("me")["password"]) == ("StartTLS", "x")


def test_an_unknown_provider_wants_its_server(call: Any) -> None:
    _, err = call("add", "me", "--email", "me@example.org", code=2)
    assert err.startswith(
        f"{PROGRAM}: The mail provider of example.org is not known here: name its server too"
    )
    call(
        "add",
        "me",
        "--email",
        "me@example.org",
        "--set",
        "server=mail.example.org",
        "--set",
        "ssl_config=SSL",
    )
    assert stored("me") == {"username": "me@example.org", "server": "mail.example.org", "ssl_config": "SSL"}


@pytest.mark.parametrize("address", ["me", "@example.com", "me@", "me@host", "me@exa mple.com"])
def test_what_is_no_address_is_refused(call: Any, address: str) -> None:
    assert "is not an address" in call("add", "me", "--email", address, code=2)[1]


def test_fields_alone_are_enough(call: Any) -> None:
    call(
        "add",
        "relay",
        "--set",
        "server=mx",
        "--set",
        "port=2525",
        "--set",
        "ssl_config=None",
        "--set",
        "encoding=False",
    )
    assert stored("relay") == {"server": "mx", "port": 2525, "ssl_config": "None", "encoding": False}
    assert "--config FILE, --email ADDRESS, --set FIELD=VALUE" in call("add", "other", code=2)[1]


def test_a_secret_that_lies_elsewhere_is_not_stored(
    call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERTS", "canary-env")
    (folder / "secret").write_text("canary-file\n")
    (folder / "secret").chmod(0o600)
    elsewhere = ("password=@env:ALERTS", "client_secret=@file:secret", "refresh_token=@keyring:mail/me")
    call("add", "me", "--set", "server=mx", *(part for text in elsewhere for part in ("--set", text)))
    assert {name: stored("me")[name] for name in ("password", "client_secret", "refresh_token")} == {
        "password": {"env": "ALERTS"},
        "client_secret": {"file": str(folder / "secret")},
        "refresh_token": {"keyring": "mail/me"},
    }
    shown, _ = call("show", "me")
    assert shown["config"]["password"] == {"env": "ALERTS"}
    for path in (folder / "data").rglob("*"):
        assert not path.is_file() or b"canary" not in path.read_bytes()


def test_a_secret_that_is_typed_is_stored_and_not_shown(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    typed("canary typed\n", monkeypatch)
    _, err = call("add", "me", "--set", "server=mx", "--set", "password=@prompt")
    assert stored("me")["password"] == "canary typed"
    assert "canary" not in err
    assert call("show", "me")[0]["config"]["password"] == "********"
    typed("", monkeypatch)
    assert "password: nothing was given." in call("set", "me", "password=@prompt", code=2)[1]


def test_a_secret_on_the_command_line_is_warned_about(call: Any) -> None:
    _, err = call("add", "me", "--set", "server=mx", "--set", "password=canary")
    assert "warning: Others can see what is on a command line: password=@prompt" in err
    assert "canary" not in err
    assert stored("me")["password"] == "canary"


def test_an_asset_comes_by_standard_input(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    octets = io.BytesIO(json.dumps({"server": "mx", "password": "x"}).encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(octets))
    call("add", "me", "--config", "-", "--set", "port=26")
    assert stored("me") == {"server": "mx", "password": "x", "port": 26}


def test_a_file_with_a_secret_that_others_can_read_is_warned_about(call: Any, folder: Path) -> None:
    (folder / "asset.json").write_text(json.dumps({"server": "mx", "password": "x"}))
    (folder / "asset.json").chmod(0o644)
    assert (
        "warning: asset.json holds a secret, and others can read it"
        in call("add", "me", "--config", "asset.json")[1]
    )


def test_set_changes_what_it_names_and_nothing_else(call: Any) -> None:
    call("add", "me", "--set", "server=mx", "--set", "port=25", "--set", "password=@env:A")
    done, _ = call("set", "me", "port=2525", "password=@env:B", "read_timeout=5")
    assert done == {"id": "1", "name": "me", "changed": ["port", "password", "read_timeout"]}
    assert stored("me") == {"server": "mx", "port": 2525, "password": {"env": "B"}, "read_timeout": 5}
    assert call("set", "me", "read_timeout=", "port=2525")[0]["changed"] == ["read_timeout"]
    assert stored("me") == {"server": "mx", "port": 2525, "password": {"env": "B"}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("port=many", "port: 'many' is not allowed"),
        ("server=", "server: missing, and it is required"),
        ("prot=25", "no such asset field; did you mean port?"),
        ("port", "'port' is not FIELD=VALUE"),
        ("server=@env:A", "server is not a secret: write its value"),
        ("password=@env:", "password: a name is missing after @env:"),
    ],
)
def test_a_wrong_change_changes_nothing(call: Any, text: str, told: str) -> None:
    call("add", "me", "--set", "server=mx")
    _, err = call("set", "me", "read_timeout=7", text, code=2)
    assert told in err
    assert err.count("\n") == 1
    assert stored("me") == {"server": "mx"}


def test_a_secret_that_was_meant_for_a_field_is_not_repeated(call: Any) -> None:
    call("add", "me", "--set", "server=mx")
    _, err = call("set", "me", "a-long-password-that-was-pasted-here", code=2)
    assert "that-was-pasted" not in err


def test_tokens_stay_unless_what_they_hang_on_changed(call: Any) -> None:
    call("add", "me", "--set", "server=mx", "--set", "username=me@example.com", "--set", "client_id=app")
    state = Home().state("1")
    state.save({"oauth": {"token": {"access_token": "t"}}})
    _, err = call("set", "me", "port=2525", "client_secret=@env:A", "client_id=app")
    assert (state.load() != {}, err) == (True, "")
    _, err = call("set", "me", "client_id=another")
    assert state.load() == {}
    assert err == "warning: Signed out: the tokens were obtained with another client_id.\n"

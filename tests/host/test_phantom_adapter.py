"""What an action sees of the real platform, as far as its behaviour is published."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from actions.contract import HostError, VaultError
from auth.settings import Login
from delivery.asset import Asset
from host.manifest.model import PATH
from host.soar import state as phantom_state
from host.soar.context import HostContext
from host.soar.state import PhantomState

ASSET = Asset(Login(id="7", server="h", port=25), ssl_config="None")


class Platform:
    """The part of the platform's BaseConnector that the adapter asks."""

    def __init__(self, home: Path, container_id: object = 42) -> None:
        self.home = home
        self.container_id = container_id
        self.state: dict[str, Any] = {}
        self.texts: list[str] = []
        self.cancelled = False

    def get_container_id(self) -> object:
        return self.container_id

    def get_phantom_home(self) -> str:
        return str(self.home)

    def get_ca_bundle(self) -> object:
        raise NotImplementedError  # as in Splunk's published mock

    def save_progress(self, text: str, *args: object) -> None:
        self.texts.append(text.format(*args))

    def is_action_cancelled(self) -> bool:
        return self.cancelled

    def load_state(self) -> dict[str, Any]:
        return dict(self.state)

    def save_state(self, state: dict[str, Any]) -> None:
        self.state = json.loads(json.dumps(state))


class Rules(ModuleType):
    """`phantom.rules` over a list of records."""

    def __init__(self) -> None:
        super().__init__("phantom.rules")
        self.records: list[dict[str, Any]] = []
        self.asked: list[object] = []

    def vault_info(self, vault_id: str, container_id: str | None = None) -> tuple[bool, str, Any]:
        self.asked.append(container_id)
        found = [
            record
            for record in self.records
            if record["vault_id"] == vault_id and container_id in (None, record["container_id"])
        ]
        return bool(found), "", tuple(found) or None

    def add(self, path: Path, name: str, container_id: str) -> str:
        vault_id = hashlib.sha1(path.read_bytes()).hexdigest()
        self.records.append(
            {"vault_id": vault_id, "path": str(path), "name": name, "container_id": container_id}
        )
        return vault_id


class Encryption(ModuleType):
    """`encryption_helper`, which refuses what is empty or was made with another salt."""

    def __init__(self) -> None:
        super().__init__("encryption_helper")

    def encrypt(self, plain: str, salt: str, /) -> str:
        return base64.b64encode(f"{salt}:{plain}".encode()).decode()

    def decrypt(self, cipher: str, salt: str, /) -> str:
        found, plain = base64.b64decode(cipher).decode().split(":", 1)
        if found != salt:
            raise ValueError("wrong salt")
        return plain


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(tmp_path)


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Rules:
    rules = Rules()
    monkeypatch.setitem(sys.modules, "phantom", ModuleType("phantom"))
    monkeypatch.setitem(sys.modules, "phantom.rules", rules)
    return rules


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, platform: Platform, tmp_path: Path) -> PhantomState:
    monkeypatch.setitem(sys.modules, "encryption_helper", Encryption())
    return PhantomState(platform, "7", tmp_path)


def test_progress_shows_braces_as_they_are(platform: Platform) -> None:
    HostContext(platform, ASSET).progress("550 {x} {")
    assert platform.texts == ["550 {x} {"]


def test_the_container_is_a_text_and_may_be_missing(platform: Platform) -> None:
    assert HostContext(platform, ASSET).container_id == "42"
    platform.container_id = None
    assert HostContext(platform, ASSET).container_id == ""


def test_cancelling_comes_from_the_platform_or_from_its_signal(platform: Platform) -> None:
    context = HostContext(platform, ASSET)
    assert not context.is_cancelled()
    platform.cancelled = True
    assert context.is_cancelled()
    platform.cancelled = False
    context.cancel()
    assert context.is_cancelled()


def test_the_authorities_of_the_platform_are_trusted_unless_the_asset_names_others(
    platform: Platform,
) -> None:
    assert HostContext(platform, ASSET).asset.ca_bundle == ""
    authorities = platform.home / "etc" / "cacerts.pem"
    authorities.parent.mkdir()
    authorities.touch()
    assert HostContext(platform, ASSET).asset.ca_bundle == str(authorities)
    own = Asset(Login(id="7", server="h", port=25, ca_bundle="/own.pem"), ssl_config="None")
    assert HostContext(platform, own).asset.ca_bundle == "/own.pem"


class TestVault:
    def test_a_file_of_the_container_is_found_first(
        self, platform: Platform, rules: Rules, tmp_path: Path
    ) -> None:
        (tmp_path / "a").write_bytes(b"hello")
        rules.add(tmp_path / "a", "of another.txt", "1")
        vault_id = rules.add(tmp_path / "a", "ours.txt", "42")
        found = HostContext(platform, ASSET).vault.find(vault_id)
        assert (found.vault_id, found.name, found.size) == (vault_id, "ours.txt", 5)
        assert found.path.read_bytes() == b"hello"

    def test_a_file_of_another_container_is_found_next(
        self, platform: Platform, rules: Rules, tmp_path: Path
    ) -> None:
        (tmp_path / "a").write_bytes(b"hello")
        vault_id = rules.add(tmp_path / "a", "a.txt", "1")
        assert HostContext(platform, ASSET).vault.find(vault_id).name == "a.txt"
        assert rules.asked == ["42", None]

    def test_an_unknown_id_is_named(self, platform: Platform, rules: Rules) -> None:
        with pytest.raises(VaultError, match=r"'aaaaa.*': the vault has no such file"):
            HostContext(platform, ASSET).vault.find("a" * 40)

    @pytest.mark.parametrize("vault_id", ["", "abc", "a" * 41, "weekly.pdf", f"{'a' * 40}\n"])
    def test_what_is_no_id_is_not_asked_for(self, platform: Platform, rules: Rules, vault_id: str) -> None:
        with pytest.raises(VaultError, match="is not a vault id"):
            HostContext(platform, ASSET).vault.find(vault_id)
        assert rules.asked == []

    def test_a_vault_that_fails_is_an_error(
        self, platform: Platform, rules: Rules, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rules, "vault_info", lambda **_asked: None)
        with pytest.raises(VaultError, match=r"the vault can't be asked \(TypeError\)"):
            HostContext(platform, ASSET).vault.find("a" * 40)

    def test_a_file_that_vanished_is_an_error(self, platform: Platform, rules: Rules, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"hello")
        vault_id = rules.add(tmp_path / "a", "a.txt", "42")
        (tmp_path / "a").unlink()
        with pytest.raises(VaultError, match="can't be read"):
            HostContext(platform, ASSET).vault.find(vault_id)

    def test_container_0_attaches_reports_by_their_name(self, tmp_path: Path, rules: Rules) -> None:
        reports = tmp_path / "vault" / "reports"
        reports.mkdir(parents=True)
        (reports / "weekly.pdf").write_bytes(b"%PDF")
        found = HostContext(Platform(tmp_path, 0), ASSET).vault.find("weekly.pdf")
        assert (found.vault_id, found.name, found.size, found.path) == (
            "weekly.pdf",
            "weekly.pdf",
            4,
            reports / "weekly.pdf",
        )

    @pytest.mark.parametrize(
        "name", ["../secret.pdf", "/etc/x.pdf", "missing.pdf", "a\x00.pdf", "folder.pdf", "link.pdf"]
    )
    def test_no_report_is_taken_from_elsewhere(self, tmp_path: Path, rules: Rules, name: str) -> None:
        reports = tmp_path / "vault" / "reports"
        (reports / "folder.pdf").mkdir(parents=True)
        (tmp_path / "vault" / "secret.pdf").write_bytes(b"%PDF")
        (reports / "link.pdf").symlink_to(tmp_path / "vault" / "secret.pdf")
        with pytest.raises(VaultError):
            HostContext(Platform(tmp_path, "0"), ASSET).vault.find(name)


class TestState:
    def test_what_was_saved_is_loaded_and_lies_encrypted(
        self, state: PhantomState, platform: Platform
    ) -> None:
        platform.state = {"app_version": "1.0.0"}
        state.save({"token": "canary"})
        assert state.load() == {"token": "canary"}
        assert platform.state["app_version"] == "1.0.0"
        assert "canary" not in json.dumps(platform.state)

    def test_nothing_saved_is_empty(self, state: PhantomState) -> None:
        assert state.load() == {}

    @pytest.mark.parametrize("cipher", ["", None, 5])
    def test_no_cipher_is_empty(self, state: PhantomState, platform: Platform, cipher: object) -> None:
        platform.state = {"encrypted_state": cipher}
        assert state.load() == {}

    def test_what_can_not_be_decrypted_is_forgotten_and_said(
        self, state: PhantomState, platform: Platform
    ) -> None:
        platform.state = {"encrypted_state": base64.b64encode(b"8:{}").decode()}
        assert state.load() == {}
        assert "a sign-in may be needed again" in platform.texts[0]

    def test_no_id_names_a_file_elsewhere(self, platform: Platform, tmp_path: Path) -> None:
        folder = tmp_path / "app"
        folder.mkdir()
        with PhantomState(platform, "../../7", folder).lock():
            assert [path.suffix for path in folder.iterdir()] == [".lock"]

    def test_the_lock_is_the_owner_s_alone_and_so_is_one_of_an_earlier_version(
        self, platform: Platform, tmp_path: Path
    ) -> None:
        for _ in range(2):
            with PhantomState(platform, "7", tmp_path).lock():
                (lock,) = tmp_path.glob("*.lock")
                assert lock.stat().st_mode & 0o777 == 0o600
            lock.chmod(0o644)

    def test_a_folder_that_takes_no_lock_is_told(self, platform: Platform, tmp_path: Path) -> None:
        with (
            pytest.raises(HostError, match=r"\.lock can't be opened: No such file or directory\."),
            PhantomState(platform, "7", tmp_path / "nowhere").lock(),
        ):
            pass

    def test_the_thread_that_has_the_lock_may_take_it_again(
        self, state: PhantomState, tmp_path: Path
    ) -> None:
        with state.lock(), state.lock():
            state.save({"a": 1})
        assert state.load() == {"a": 1}

    def test_another_run_waits_and_gives_up_in_the_end(
        self, state: PhantomState, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(phantom_state, "LOCK_TIMEOUT", 0.1)
        other = PhantomState(platform, "7", tmp_path)
        with (
            state.lock(),
            pytest.raises(HostError, match=r"has held .*\.lock for too long"),
            other.lock(),
        ):
            pass
        with other.lock():
            assert True

    def test_who_is_in_a_hurry_gives_up_earlier(
        self, state: PhantomState, platform: Platform, tmp_path: Path
    ) -> None:
        began = time.monotonic()
        with (
            state.lock(),
            pytest.raises(HostError, match=r"has held .*\.lock for too long"),
            PhantomState(platform, "7", tmp_path).lock(0.1),
        ):
            pass
        assert time.monotonic() - began < 60

    def test_another_run_goes_on_when_the_lock_is_free(
        self, state: PhantomState, platform: Platform, tmp_path: Path
    ) -> None:
        order: list[str] = []

        def other_run() -> None:
            with PhantomState(platform, "7", tmp_path).lock():
                order.append("second")

        thread = threading.Thread(target=other_run)
        with state.lock():
            thread.start()
            order.append("first")
        thread.join(10)
        assert order == ["first", "second"]


BASE_CONNECTOR = """
import json
class BaseConnector:
    def __init__(self):
        self.results = []; self.message = ""
    def get_config(self): return {"server": "h", "port": 25.0}
    def get_asset_id(self): return "7"
    def get_container_id(self): return 42
    def get_phantom_home(self): return "/nowhere"
    def get_action_identifier(self): return "send_email"
    def save_progress(self, text, *args): text.format(*args)
    def set_validator(self, contains, function):
        self.validator = contains, function("a, b")
        raise NotImplementedError
    def add_action_result(self, result): self.results.append(result); return result
    def set_status(self, status, message=""): self.message = message; return status
    def _handle_action(self, in_json, handle):
        for param in json.loads(in_json)["parameters"]:
            self.initialize(); self.handle_action(param)
        self.finalize()
        return json.dumps([self.validator, [vars(result) for result in self.results]])
"""
ACTION_RESULT = """
class ActionResult:
    def __init__(self, param): self.param, self.data = param, []
    def add_data(self, item): self.data.append(item)
    def set_summary(self, summary): self.summary = summary
    def set_status(self, status, message=""): self.status, self.message = status, MESSAGE; return status
    def get_message(self): return self.message
"""
PROGRAM = """
import json, sys, types
from smtp_connector import SmtpConnector, BaseConnector
from actions.contract import Report
action = types.ModuleType("actions.send_email")
class Parameters:
    @staticmethod
    def parse(values): return values
def run(values, context, transport):
    context.progress("{}")
    return Report(False, "550 {no} " + type(context).__module__, [{"to": values["to"]}])
action.Parameters, action.run = Parameters, run
sys.modules["actions.send_email"] = action
assert BaseConnector.__module__ == "phantom.base_connector"
print(SmtpConnector()._handle_action(json.dumps({"parameters": [{"to": "a, b", "body": "x", "context": {}}]}), None))
"""


@pytest.mark.parametrize("kept", ["message.format()", "message"], ids=["formats messages", "keeps messages"])
def test_where_phantom_can_be_imported_the_connector_is_built_on_it(tmp_path: Path, kept: str) -> None:
    package = tmp_path / "phantom"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "base_connector.py").write_text(BASE_CONNECTOR)
    (package / "action_result.py").write_text(ACTION_RESULT.replace("MESSAGE", kept))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=PATH.parent,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    validator, (result,) = json.loads(done.stdout)
    assert validator == ["email", True]
    assert result["message"] == "550 {no} host.soar.context"
    assert result["data"] == [{"to": "a, b"}]
    assert result["param"] == {"to": "a, b", "body": "x", "context": {}}


def test_a_platform_that_misses_something_is_not_taken_for_another_place(tmp_path: Path) -> None:
    package = tmp_path / "phantom"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "action_result.py").write_text("import something_that_is_missing")
    done = subprocess.run(
        [sys.executable, "-c", "import host.switch"],
        cwd=PATH.parent,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "No module named 'something_that_is_missing'" in done.stderr

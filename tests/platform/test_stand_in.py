"""The stand-in of the platform is as strict as it says: an app with the usual mistakes fails on it."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.platform.installation import Platform, Run

MANIFEST = {
    "appid": "00000000-0000-4000-8000-000000000000",
    "name": "Tiny App!",
    "app_version": "1.0.0",
    "main_module": "tiny.py",
    "configuration": {"secret": {"data_type": "password"}, "name": {"data_type": "string"}},
    "actions": [
        {
            "action": "do it",
            "identifier": "do_it",
            "parameters": {"to": {"data_type": "string", "required": True, "contains": ["email"]}},
        }
    ],
}
CODE = """
from phantom.action_result import ActionResult
from phantom.base_connector import BaseConnector
{at_import}
class Tiny(BaseConnector):
    calls = 0
    def initialize(self):
        self.calls += 1
        {initialize}
        return True
    def handle_action(self, param):
        result = self.add_action_result(ActionResult(dict(param)))
        {handle_action}
        return result.set_status(True, "done")
    def finalize(self):
        self.save_progress("finalize after {{}} initialize", self.calls)
        return True
    def handle_exception(self, exception):
        self.save_progress("exception {{}}", type(exception).__name__)
"""

MakeRun = Callable[..., Run]


@pytest.fixture
def run(tmp_path: Path) -> MakeRun:
    """Run an app that has these lines in its methods."""

    def run(*parameters: dict[str, Any], config: dict[str, Any] | None = None, **lines: str) -> Run:
        code = CODE.format(**({"at_import": "", "initialize": "", "handle_action": ""} | lines))
        package = tmp_path / "tiny.tgz"
        with tarfile.open(package, "w:gz") as archive:
            for name, text in (("connector.json", json.dumps(MANIFEST)), ("tiny.py", code)):
                member = tarfile.TarInfo(f"tiny/{name}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        platform = Platform(tmp_path / "platform", package, Path(sys.executable), [])
        assert platform.app.name == f"tinyapp_{MANIFEST['appid']}"
        return platform.run("do_it", config or {}, *(parameters or ({"to": "a@b"},)))

    return run


def messages(run: Run) -> list[str]:
    return [result["message"] for result in run.result["result_data"]]


def test_an_app_that_does_all_right_succeeds(run: MakeRun) -> None:
    done = run({"to": "a@b"}, {"to": "c@d"})
    assert done.result["status"] == "success"
    assert messages(done) == ["done", "done"]
    assert done.progress == ["finalize after 1 initialize"]
    assert "context" in done.result["result_data"][0]["parameter"]


def test_a_list_of_addresses_is_refused_until_the_app_says_otherwise(run: MakeRun) -> None:
    assert messages(run({"to": "a@b, c@d"})) == ["to failed the validation of what it contains"]


def test_a_validator_of_the_app_is_asked_instead(run: MakeRun) -> None:
    line = "self.set_validator('email', lambda text: True)"
    assert messages(run({"to": "a@b, c@d"}, initialize=line)) == ["done"]


def test_passwords_come_in_clear_and_nothing_else_is_touched(run: MakeRun) -> None:
    line = "self.save_progress('{} {}', self.get_config()['secret'], self.get_config()['name'])"
    assert run(config={"secret": "s3cret", "name": "n"}, handle_action=line).progress[0] == "s3cret n"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("self.save_progress('{}')", "IndexError"),
        ("self.save_progress('{')", "ValueError"),
        ("self.debug_print('{x}')", "KeyError"),
        ("return result.set_status(True, 'a {x}')", "KeyError"),
        ("return result.set_status(1, 'x')", "TypeError"),
        ("result.add_data('x')", "TypeError"),
        ("result.add_data({'x': float('nan')})", "ValueError"),
        ("self.add_action_result({})", "TypeError"),
        ("self.save_state([])", "TypeError"),
        ("import encryption_helper; encryption_helper.decrypt('', '3')", "ValueError"),
        ("import encryption_helper as e; e.decrypt(e.encrypt('x', '3'), '4')", "ValueError"),
        ("import encryption_helper as e; e.encrypt(plain='x', salt='3')", "TypeError"),
        ("import auth", "ImportError"),
        ("import message", "ImportError"),
        ("import requests", "ModuleNotFoundError"),
        ("import tests", "ModuleNotFoundError"),
    ],
)
def test_a_mistake_is_an_exception_that_the_app_is_handed(run: MakeRun, line: str, name: str) -> None:
    done = run(handle_action=line)
    assert done.progress == [f"exception {name}", "finalize after 1 initialize"]
    assert done.result["status"] == "failed"


def test_an_exception_in_one_parameter_set_does_not_stop_the_next(run: MakeRun) -> None:
    done = run({"to": "a@b"}, {"to": "c@d"}, handle_action="assert param['to'] != 'a@b'")
    assert messages(done) == ["", "done"]


def test_a_failed_start_ends_the_run(run: MakeRun) -> None:
    done = run(initialize="return self.set_status(False, 'no')")
    assert (done.result["status"], done.result["message"], messages(done)) == ("failed", "no", [])


def test_the_vault_can_not_be_asked_while_modules_are_imported(run: MakeRun) -> None:
    with pytest.raises(AssertionError, match="while a module was being imported"):
        run(at_import="import phantom.rules; phantom.rules.vault_info(vault_id='x')")

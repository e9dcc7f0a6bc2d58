"""docs/architecture.md is true, and enough to add an action by."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from doors.demo.server import DemoServer
from tests.test_imports import STAIRCASE

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PARTS = ("actions", "auth", "delivery", "doors", "host", "message", "smtp", "tools", "docs")


def sample(language: str) -> str:
    """The one sample in a list of the page, without the list's indentation."""
    (text,) = re.findall(rf"^ *```{language}\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL)
    return textwrap.dedent(text)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the program, in which an action can be added."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in PARTS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [*ROOT.glob("*.py"), ROOT / "connector.json", ROOT / "README.md"]:
        shutil.copy(path, copy)
    return copy


def add_the_action(checkout: Path) -> dict[str, Any]:
    """Do what the page says, step by step; the manifest as it is then."""
    path = checkout / "connector.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["actions"].append(json.loads(sample("json")))
    path.write_text(json.dumps(manifest), encoding="utf-8")
    (checkout / "actions" / "send_reminder.py").write_text(sample("python"), encoding="utf-8")
    for command in (["-m", "tools.manifest"], ["docs/generate.py"]):  # make manifest docs
        subprocess.run([sys.executable, *command], cwd=checkout, check=True)
    written: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return written


def command_line(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SMTP_CONNECTOR_HOME": str(checkout.parent / "data")}
    return subprocess.run(
        [sys.executable, "smtp_connector.py", *arguments],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_an_action_added_by_the_page_alone_sends_its_mail(checkout: Path) -> None:
    add_the_action(checkout)
    with DemoServer() as server:
        asset = checkout.parent / "asset.json"
        asset.write_text(json.dumps(server.asset))
        params = '[{"to": "jane@example.com, bob@example.com", "about": "the report"}, {"to": "nobody", "about": "x"}]'
        done = command_line(checkout, "run", "send reminder", "--asset", str(asset), "--params", params)
        (mail,) = server.take()
    message = message_from_bytes(mail.content, policy=policy.default)
    assert mail.recipients == ("jane@example.com", "bob@example.com")
    assert message["Subject"] == "Reminder: the report"
    assert message.get_content().splitlines() == ["Please remember: the report"]
    assert done.returncode == 1
    sent, refused = json.loads(done.stdout)["result_data"]
    assert (sent["message"], sent["data"][0]["outcome"]) == ("Email sent", "sent")
    assert refused["message"].startswith("Nothing was sent")
    assert "nobody" in refused["message"]


def test_help_checks_and_documentation_have_it_already(checkout: Path) -> None:
    add_the_action(checkout)
    shown = command_line(checkout, "run", "send reminder", "--help")
    assert "What to remember" in shown.stdout
    documented = (checkout / "docs" / "actions.md").read_text(encoding="utf-8")
    assert "### send reminder\n\nReminds somebody of something." in documented
    asset = '{"server": "127.0.0.1", "ssl_config": "None"}'
    (checkout / "asset.json").write_text(asset)
    wrong = command_line(
        checkout, "run", "send reminder", "--asset", "./asset.json", "--params", '{"abuot": "x"}'
    )
    assert wrong.returncode == 1
    assert "did you mean about?" in json.loads(wrong.stdout)["message"]


def test_the_console_its_api_and_the_tools_for_agents_have_it_already(checkout: Path) -> None:
    add_the_action(checkout)
    program = (
        "import json\n"
        "from host.manifest.model import load\n"
        "from doors.console import forms, openapi\n"
        "from doors.mcp.tools import tools\n"
        "manifest = load()\n"
        "groups = forms.of_action(manifest.action('send reminder'), {}, {})\n"
        "described = openapi.document(manifest, '')['components']['schemas']\n"
        "print(json.dumps({\n"
        "    'form': [(one.label, one.kind, one.required) for group in groups for one in group.widgets],\n"
        "    'api': described['Parameters_send_reminder']['required'],\n"
        "    'tools': {tool.name: tool.input_schema['required'] for tool in tools(manifest, ['prod'])},\n"
        "}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=checkout, capture_output=True, text=True, timeout=60
    )
    told = json.loads(done.stdout)
    assert told["form"] == [["To", "address", True], ["About", "text", True]]
    assert sorted(told["api"]) == ["about", "to"]
    assert told["tools"]["send_reminder"] == ["about", "idempotency_key", "reason", "to"]


def test_the_manifest_with_it_is_one_that_the_platform_takes(checkout: Path) -> None:
    manifest = add_the_action(checkout)
    schema = json.loads((ROOT / "tests" / "manifest.schema.json").read_text(encoding="utf-8"))
    assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(manifest)] == []
    (action,) = [one for one in manifest["actions"] if one["identifier"] == "send_reminder"]
    assert [parameter["order"] for parameter in action["parameters"].values()] == [0, 1]
    assert [one["column_order"] for one in action["output"] if "column_name" in one] == [0, 1, 2, 3]


def test_the_module_is_short() -> None:
    assert len(sample("python").splitlines()) <= 40


def test_the_stairs_of_the_page_are_those_that_are_tested() -> None:
    (drawn,) = re.findall(r"^```\n(doors/.*)\n```$", TEXT, re.MULTILINE)
    stairs = tuple(tuple(re.findall(r"(\w+)/", stair)) for stair in drawn.split("──▶"))
    assert stairs == STAIRCASE[1:]
    assert re.findall(r"^\| `(\w+)/` \|", TEXT, re.MULTILINE) == [room for stair in stairs for room in stair]


def test_every_file_that_is_named_exists() -> None:
    named = set(re.findall(r"`([\w/]+(?:\.(?:py|json|md)|/))`", TEXT)) - {"actions/send_reminder.py"}
    assert {"smtp/state.py", "host/local/"} <= named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []

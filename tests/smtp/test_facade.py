"""The package as others use it: by one import, and with nothing of ours but its own folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import smtp
from tests.support.scripted import ScriptedServer, Settings

ROOT = Path(smtp.__file__).resolve().parent.parent

HELLO = """
import json, sys
sys.path.insert(0, sys.argv[1])
import smtp

sender, ann, bob = (smtp.Address(name, "example.com") for name in ("me", "ann", "bob"))
with smtp.Session.connect("127.0.0.1", int(sys.argv[2])) as session:
    session.hello("client.test")
    delivery = session.send(smtp.Envelope(sender, (ann, bob)), smtp.Octets(b"Subject: hi\\r\\n\\r\\nhello\\r\\n"))
ours = sorted({name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - {"__main__"})
print(json.dumps({"outcome": delivery.outcome, "ours": ours, "from": smtp.__file__}))
"""


def alone(folder: Path, program: str, *arguments: str) -> str:
    """Run `program` with a copy of smtp/ as the only code beside the standard library."""
    shutil.copytree(ROOT / "smtp", folder / "smtp", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-I", "-S", "-c", program, str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_mail_is_sent_with_one_import_and_nothing_but_the_folder(tmp_path: Path) -> None:
    with ScriptedServer(Settings()) as server:
        told = json.loads(alone(tmp_path, HELLO, str(server.port)))
    assert told == {"outcome": "sent", "ours": ["smtp"], "from": str(tmp_path / "smtp" / "__init__.py")}
    assert [mail.recipients for mail in server.log.accepted] == [("ann@example.com", "bob@example.com")]


def test_every_module_can_be_imported_alone(tmp_path: Path) -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "smtp").rglob("*.py"))
    ]
    program = "import sys, importlib; sys.path.insert(0, sys.argv[1])\n"
    program += "for name in sys.argv[2:]: importlib.import_module(name); print(name)"
    assert alone(tmp_path, program, *modules).split() == modules


@pytest.mark.parametrize("name", smtp.__all__)
def test_every_name_of_the_front_door_opens_it(name: str) -> None:
    assert getattr(smtp, name).__module__.startswith("smtp.")
    assert name in dir(smtp)


def test_another_name_is_refused_as_of_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'smtp' has no attribute 'Mailer'"):
        _ = smtp.Mailer  # type: ignore[attr-defined]


def test_importing_the_package_loads_none_of_its_modules() -> None:
    program = "import sys; sys.path.insert(0, sys.argv[1]); import smtp; smtp.Address\n"
    program += "print([name for name in sys.modules if name.startswith('smtp')])"
    command = [sys.executable, "-I", "-c", program, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stdout.strip("[]\n").replace("'", "").split(", "))
    assert "smtp.session" not in loaded
    assert loaded <= {"smtp", "smtp.envelope", "smtp.errors", "smtp.text"}

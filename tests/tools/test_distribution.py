"""Imports of rooms are rewritten under one package; what can't be rewritten for certain ends the build."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools.distribution import BuildError, lay_out, requirements, rewritten, version

MODULES = ("smtp.session", "smtp.text", "doors.python.act")
ROOT = Path(__file__).resolve().parents[2]


def of(text: str) -> str:
    return rewritten(text, "module.py", MODULES)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from smtp.session import Session", "from smtp_connector.smtp.session import Session"),
        ("from smtp import text, reply", "from smtp_connector.smtp import text, reply"),
        ("from smtp import (\n    text,  # why\n)", "from smtp_connector.smtp import (\n    text,  # why\n)"),
        ("import smtp", "from smtp_connector import smtp"),
        ("import smtp as wire", "from smtp_connector import smtp as wire"),
        ("import smtp.session as s", "import smtp_connector.smtp.session as s"),
        ("def f():\n    from auth import choose", "def f():\n    from smtp_connector.auth import choose"),
        ("x = 'é'; from auth import choose", "x = 'é'; from smtp_connector.auth import choose"),
        ("import_module('doors.python.act')", "import_module('smtp_connector.doors.python.act')"),
        ('importlib.import_module(f"actions.{n}")', 'importlib.import_module(f"smtp_connector.actions.{n}")'),
        ('__import__("host")', '__import__("smtp_connector.host")'),
        ("import smtp_redirect_handler", "from smtp_connector import smtp_redirect_handler"),
    ],
)
def test_an_import_of_a_room_is_taken_from_the_package(before: str, after: str) -> None:
    assert of(before) == after


@pytest.mark.parametrize(
    "text",
    [
        "from smtplib import SMTP",
        "from email.message import EmailMessage",
        "from . import smtp",
        "from .smtp import session",
        "import_module('phantom.rules')",
        "import_module('encryption_helper')",
        '"""from smtp.session import Session"""',
        "# from smtp.session import Session",
        "word = 'smtp'",
        "text = 'see smtp.session for more'",
        "field = 'host.name'",
    ],
)
def test_whatever_else_stays_as_it_is(text: str) -> None:
    assert of(text) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import smtp.session", "module.py:1: write `from … import …`"),
        ("import json, smtp", "module.py:1: write `from … import …`"),
        ("\nimport_module(name)", "module.py:2: nobody can tell which module name is"),
        ("import_module(f'{room}.x')", "nobody can tell which module"),
        ("LAZY = {'Session': 'smtp.session'}", "module.py:1: 'smtp.session' may name a module"),
    ],
)
def test_what_is_not_certain_ends_the_build_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(BuildError) as ended:
        of(text)
    assert reason in str(ended.value)


def test_every_file_of_this_checkout_can_be_laid_out_and_keeps_its_lines(tmp_path: Path) -> None:
    (tmp_path / "smtp_connector").mkdir()
    (tmp_path / "smtp_connector" / "left_over.py").touch()
    written = {path.relative_to(tmp_path / "smtp_connector") for path in lay_out(ROOT, tmp_path)}
    assert {Path("app.py"), Path("py.typed"), Path("connector.json"), Path("smtp/session.py")} <= written
    assert Path("left_over.py") not in written
    for path in written:
        source = ROOT / ("smtp_connector.py" if path == Path("app.py") else path)
        if path.suffix == ".py" and source.exists() and path.name != "__init__.py":
            text = (tmp_path / "smtp_connector" / path).read_text(encoding="utf-8")
            assert len(text.splitlines()) == len(source.read_text(encoding="utf-8").splitlines())
            ast.parse(text)


def test_the_requirements_stand_once(tmp_path: Path) -> None:
    folder = tmp_path / "requirements"
    folder.mkdir()
    (folder / "app.in").write_text("# why\nnh3\nidna  # and why\n")
    (folder / "host.in").write_text("-r app.in\nsqlalchemy\nidna\n")
    (folder / "dev.in").write_text("pytest\n")
    (folder / "fuzz.in").write_text("atheris\n")
    (folder / "console.in").write_text('uvicorn>=0.30; python_version >= "3.11"\n')
    core, extras = requirements(tmp_path)
    assert core == ["nh3", "idna", "sqlalchemy"]
    assert extras == {"console": ['uvicorn>=0.30; python_version >= "3.11"']}


def test_the_version_is_the_manifests(tmp_path: Path) -> None:
    (tmp_path / "connector.json").write_text('{"app_version": "9.8.7"}')
    assert version(tmp_path) == "9.8.7"

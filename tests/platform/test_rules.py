"""The rules of the platform's own linter and static checks, for the modules and pages that are in the package."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import contents
from tools.package import ROOT

MANIFEST = contents.manifest(ROOT)
MODULES = {str(path): ast.parse((ROOT / path).read_text(encoding="utf-8")) for path in contents.modules(ROOT)}
PAGES = sorted(ROOT.glob("*.html"))
each_module = pytest.mark.parametrize("name", MODULES)

# The platform would rather that an app asked it for everything. Where that can't be:
TOUCHES_FILES = {
    "smtp_connector.py": "its own folder, for the module path",
    "smtp_redirect_handler.py": "the hand-over between two processes",
    "delivery/certificates.py": "certificates, which OpenSSL reads from files only",
    "delivery/transport.py": "whether the files of authorities are still what they were",
    "host/manifest/model.py": "the manifest",
    "host/soar/context.py": "the vault's files, the reports and the authorities",
    "host/soar/state.py": "the lock between processes that refresh one token",
    "host/unforeseen.py": "the names of its own files, to say where a mistake of ours is",
    "message/attachments.py": "the vault's files, read as they are sent",
    "smtp/pem.py": "certificates and keys given as files",
}
USES_REQUESTS = {"auth/oauth/web.py": "MSAL and Authlib speak through it"}
_FILE_CALLS = {"open", "os.open", "os.replace", "os.unlink", "Path", "NamedTemporaryFile"} | {
    *("tempfile.TemporaryDirectory", "tempfile.mkstemp", "shutil.copyfile", "shutil.move", "shutil.rmtree")
}
_SHELL_CALLS = {"os.system", "os.popen", "subprocess.run", "subprocess.Popen", "subprocess.check_output"}
_LOGGERS = {"print", "debug_print", "error_print", "save_progress", "send_progress", "progress", "tell"}
_SENSITIVE = re.compile(r"secret|token|key|password|headers|auth", re.IGNORECASE)


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Each call, by the name that it goes by in the source: `os.replace`, `Path`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield ast.unparse(node.func), node


def called(tree: ast.AST) -> set[str]:
    return {name for name, _ in calls(tree)}


@each_module
def test_no_module_has_a_mutable_value_of_its_own(name: str) -> None:
    mutable = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
    found = [
        ast.unparse(node)
        for node in MODULES[name].body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and (
            isinstance(node.value, mutable)
            or (isinstance(node.value, ast.Call) and ast.unparse(node.value.func) in ("list", "dict", "set"))
        )
        and not ast.unparse(node).startswith("__all__")
    ]
    assert found == []


@each_module
def test_no_function_changes_a_value_of_a_module(name: str) -> None:
    assert not [node for node in ast.walk(MODULES[name]) if isinstance(node, ast.Global)]


@each_module
def test_the_platforms_rules_are_loaded_where_they_are_used(name: str) -> None:
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert "phantom.rules" not in ast.unparse(node)
            assert ast.unparse(node) != "from phantom import rules"


@each_module
def test_nothing_sleeps_or_starts_a_program(name: str) -> None:
    assert not called(MODULES[name]) & (_SHELL_CALLS | {"time.sleep", "sleep", "eval", "exec"})


@each_module
def test_every_loop_has_an_end(name: str) -> None:
    endless = [
        ast.unparse(node)
        for node in ast.walk(MODULES[name])
        if isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and node.test.value
    ]
    exits = (ast.Return, ast.Break, ast.Raise)
    for source in endless:
        assert any(isinstance(node, exits) for node in ast.walk(ast.parse(source.strip())))


def test_files_are_touched_where_there_is_a_reason_only() -> None:
    touching = {name for name, tree in MODULES.items() if called(tree) & _FILE_CALLS}
    assert touching == set(TOUCHES_FILES)


def test_requests_is_used_where_there_is_a_reason_only() -> None:
    importing = {
        name
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        and any(alias.name.split(".")[0] == "requests" for alias in node.names)
    }
    assert importing == set(USES_REQUESTS)


@each_module
def test_no_parser_is_used_that_the_platform_advises_against(name: str) -> None:
    tops = {
        (alias.name if isinstance(node, ast.Import) else str(node.module)).split(".")[0]
        for node in ast.walk(MODULES[name])
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert not tops & {"lxml", "bs4", "psycopg2", "simplejson"}


@each_module
def test_nothing_named_like_a_secret_is_told(name: str) -> None:
    for function, call in calls(MODULES[name]):
        if function.split(".")[-1] in _LOGGERS:
            told = [node for arg in call.args for node in ast.walk(arg)]
            names = {node.id for node in told if isinstance(node, ast.Name)}
            names |= {node.attr for node in told if isinstance(node, ast.Attribute)}
            # how it was logged in is told, not with what
            names -= {"auth_method", "auth_mechanism"}
            assert not [word for word in names if _SENSITIVE.search(word)], ast.unparse(call)


def test_the_redirect_handlers_pages_are_plain_text() -> None:
    responses = [
        call for name, call in calls(MODULES["smtp_redirect_handler.py"]) if name.endswith("HttpResponse")
    ]
    assert responses
    for call in responses:
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert keywords["content_type"] == "'text/plain'"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_escape_what_they_show(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith("{% extends 'widgets/widget_template.html' %}")
    assert not re.search(r"autoescape|\|\s*safe|safeseq|mark_safe|<script|\son\w+\s*=|javascript:", text)


def test_the_main_module_has_one_connector_at_its_top_level() -> None:
    classes = [
        node
        for node in MODULES[MANIFEST["main_module"]].body
        if isinstance(node, ast.ClassDef) and "BaseConnector" in map(ast.unparse, node.bases)
    ]
    assert [node.name for node in classes] == ["SmtpConnector"]


@pytest.mark.parametrize(
    "name",
    sorted(
        {MANIFEST["rest_handler"]}
        | {action["render"]["view"] for action in MANIFEST["actions"] if "view" in action.get("render", {})}
    ),
)
def test_what_the_manifest_names_is_there(name: str) -> None:
    module, _, function = name.rpartition(".")
    assert callable(getattr(importlib.import_module(module), function))


def test_the_app_is_nobody_elses() -> None:
    """The identity of the stock SMTP app: both can be installed side by side."""
    assert MANIFEST["appid"] != "45bb6f37-4478-499b-b4a3-51ecfa62b78c"
    assert MANIFEST["package_name"] != "phantom_smtp"
    assert MANIFEST["name"] != "SMTP"


def test_there_is_one_manifest_and_no_requirements_file_at_the_top() -> None:
    assert [path.name for path in ROOT.glob("*.json")] == [contents.MANIFEST]
    assert not (ROOT / "requirements.txt").exists()

"""Lays out what `pip install .` installs: the rooms of this checkout under one package, `smtp_connector`.

In a checkout, and on Splunk SOAR, the rooms are found by their own names (`from smtp.session import Session`). Other
distributions install packages called `auth`, `message` or `host` too, so nothing of ours may be found by such a name
once it is installed: every import of a room is rewritten to `smtp_connector.<room>`, by syntax tree, so that comments
and line numbers stay. What can't be rewritten for certain ends the build. Standard library only: it runs inside the
build.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "smtp_connector"
MAIN = "app"
"""What smtp_connector.py is called inside the package."""
ROOMS = ("actions", "auth", "delivery", "doors", "host", "message", "smtp")
ALONE = ("smtp_redirect_handler", "smtp_result_view")
MANIFEST = "connector.json"
SHOWN = ("*.html", "*.svg", MANIFEST)
DOCUMENTS = ("errors/*", "microsoft-2026", "providers", "configuration", "operation")
"""The pages of docs/ that the program's own texts name, and prints."""
REQUIREMENTS = "requirements"
CORE = ("app", "host")
"""The files of requirements/ that every installation needs."""
ASIDE = ("dev", "fuzz")
"""Those that only a checkout needs. Each other one is an extra of its own name."""

_QUOTES = re.compile(r"[A-Za-z]*(\"\"\"|'''|\"|')")
_LOADERS = ("import_module", "__import__")

INIT = '''"""The SMTP connector: mail for security automation, and the truth about what became of it.

    from smtp_connector import act
    from smtp_connector.smtp import Session

What is named here is loaded when it is first used: a program that needs `smtp` or `message` alone loads nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smtp_connector.app import {names}

__all__ = {exported}
__version__ = "{version}"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
    from smtp_connector import app

    return getattr(app, name)
'''
ENTRY = '''"""The command line: `smtp-connector`, or `python -m smtp_connector`."""

from __future__ import annotations

import gc
import os
import signal
import sys


def main() -> int:
    """Do what the command line says; returns the exit code."""
    gc.disable()  # what is being loaded stays to the end: to look through it for garbage takes a tenth of the start
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where interruptions are ignored
        signal.signal(signal.SIGINT, stop)
    from smtp_connector.delivery.pool import Pool
    from smtp_connector.doors.cli.command_line import main as command_line

    if signal.getsignal(signal.SIGINT) is stop:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.freeze()
    gc.enable()
    return command_line(sys.argv[1:], Pool())


def stop(number: int, frame: object) -> None:
    """End the program while it is being loaded: nothing is open yet, and an exception would be lost in an import."""
    os.write(2, b"smtp-connector: Interrupted.\\n")
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
'''


class BuildError(Exception):
    """Something of this checkout can't be installed as it is. The message names file and line."""


@dataclass(frozen=True, slots=True)
class _Edit:
    """Replace the octets `old` by `new`, from `column` (octets, from 0) of `line` (from 1)."""

    line: int
    column: int
    old: bytes
    new: bytes


def lay_out(root: Path, target: Path) -> tuple[Path, ...]:
    """Write the package of the checkout `root` into the folder `target`; the files' paths. Raises `BuildError`."""
    package = target / PACKAGE
    if package.exists():
        shutil.rmtree(package)
    installed = list(sources(root))
    modules = {".".join(path.relative_to(root).with_suffix("").parts) for path in installed}
    for source in installed:
        relative = source.relative_to(root)
        path = package / (f"{MAIN}.py" if relative == Path(f"{PACKAGE}.py") else relative)
        path.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".py":
            text = rewritten(source.read_text(encoding="utf-8"), str(relative), modules)
            path.write_text(text, encoding="utf-8")
        else:
            shutil.copyfile(source, path)
    (package / "__init__.py").write_text(_front_door(root), encoding="utf-8")
    (package / "__main__.py").write_text(ENTRY, encoding="utf-8")
    (package / "py.typed").touch()
    return tuple(sorted(path for path in package.rglob("*") if path.is_file()))


def sources(root: Path) -> Iterator[Path]:
    """The files of the checkout that are installed."""
    for name in (PACKAGE, *ALONE):
        yield root / f"{name}.py"
    for room in ROOMS:
        for path in sorted((root / room).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path
    for pattern in (*SHOWN, *(f"docs/{name}.md" for name in DOCUMENTS)):
        yield from sorted(root.glob(pattern))


def rewritten(text: str, name: str, modules: Collection[str]) -> str:
    """The module `text`, of the file `name`, with every import of a room taken from the package.

    Raises `BuildError`, also for a text that is the name of one of `modules` and is given to no import.
    """
    tree = ast.parse(text, name)
    docstrings = set(_docstrings(tree))
    loaded = {id(part) for node in ast.walk(tree) if _loads(node) for part in ast.walk(node)}
    lines = text.encode().splitlines(keepends=True)
    edits: list[_Edit] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and _is_ours(node.module or ""):
            edits.append(_module_of(node, lines))
        elif isinstance(node, ast.Import) and any(_is_ours(alias.name) for alias in node.names):
            edits.append(_imported(node, name))
        elif isinstance(node, ast.Call) and _loads(node):
            edits += _named(node, lines, name)
        elif (
            isinstance(node, ast.Constant)
            and id(node) not in docstrings | loaded
            and _is_one_of(modules, node.value)
        ):
            raise BuildError(
                f"{name}:{node.lineno}: {node.value!r} may name a module, and is given to no import."
            )
    return _applied(edits, lines).decode()


def requirements(root: Path) -> tuple[list[str], dict[str, list[str]]]:
    """What every installation needs, and the extras: from requirements/*.in, one requirement a line."""
    files = {path.stem: _listed(path) for path in sorted((root / REQUIREMENTS).glob("*.in"))}
    core = list(dict.fromkeys(line for name in CORE for line in files[name]))
    return core, {name: lines for name, lines in files.items() if name not in (*CORE, *ASIDE)}


def version(root: Path) -> str:
    """The manifest's."""
    return str(json.loads((root / MANIFEST).read_text(encoding="utf-8"))["app_version"])


def _listed(path: Path) -> list[str]:
    lines = (line.partition(" #")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-"))]


def _front_door(root: Path) -> str:
    """The package's `__init__.py`: what `__all__` of smtp_connector.py names."""
    tree = ast.parse((root / f"{PACKAGE}.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return INIT.format(names=", ".join(names), exported=names, version=version(root))
    raise BuildError(f"{PACKAGE}.py has no __all__.")


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in (*ROOMS, *ALONE)


def _loads(node: ast.AST) -> bool:
    """Whether it is a call that imports a module by its name."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _LOADERS


def _is_one_of(modules: Collection[str], value: object) -> bool:
    """Whether it is the dotted name of a module; a word by itself may mean anything."""
    return isinstance(value, str) and "." in value and value in modules


def _docstrings(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)


def _module_of(node: ast.ImportFrom, lines: Sequence[bytes]) -> _Edit:
    """`from smtp.session import Session`"""
    old = f"from {node.module} import".encode()
    new = f"from {PACKAGE}.{node.module} import".encode()
    if not lines[node.lineno - 1][node.col_offset :].startswith(old):
        raise BuildError(f"line {node.lineno}: the import is not laid out as ruff would.")
    return _Edit(node.lineno, node.col_offset, old, new)


def _imported(node: ast.Import, name: str) -> _Edit:
    """`import smtp`, `import smtp.session as session`; `import smtp.session` binds a name that will not be there."""
    alias = node.names[0]
    if len(node.names) > 1 or ("." in alias.name and alias.asname is None):
        raise BuildError(
            f"{name}:{node.lineno}: write `from … import …`: the name {alias.name} is not installed."
        )
    old = f"import {alias.name}"
    new = f"import {PACKAGE}.{alias.name}" if "." in alias.name else f"from {PACKAGE} import {alias.name}"
    return _Edit(node.lineno, node.col_offset, old.encode(), new.encode())


def _named(call: ast.Call, lines: Sequence[bytes], name: str) -> Iterator[_Edit]:
    """`import_module("doors.python.act")`, `import_module(f"actions.{identifier}")`"""
    if not call.args:
        return
    argument = call.args[0]
    first = argument.values[0] if isinstance(argument, ast.JoinedStr) else argument
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        raise BuildError(f"{name}:{call.lineno}: nobody can tell which module {ast.unparse(argument)} is.")
    if _is_ours(first.value):
        line = lines[argument.lineno - 1][argument.col_offset :].decode()
        opening = _QUOTES.match(line)
        if opening is None or not line[opening.end() :].startswith(first.value):
            raise BuildError(f"{name}:{call.lineno}: the name of the module is not on one line.")
        column = argument.col_offset + len(opening[0].encode())
        old = first.value.encode()
        yield _Edit(argument.lineno, column, old, f"{PACKAGE}.".encode() + old)


def _applied(edits: Sequence[_Edit], lines: Sequence[bytes]) -> bytes:
    changed = list(lines)
    for edit in sorted(edits, key=lambda edit: (edit.line, edit.column), reverse=True):
        line = changed[edit.line - 1]
        end = edit.column + len(edit.old)
        if line[edit.column : end] != edit.old:
            raise BuildError(f"line {edit.line}: expected {edit.old.decode()!r}.")
        changed[edit.line - 1] = line[: edit.column] + edit.new + line[end:]
    return b"".join(changed)

"""What of this checkout belongs into the package: the modules that the platform comes to, and what they show."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

MANIFEST = "connector.json"

# What stands in for the platform elsewhere: imports of it are not followed.
OFF_PLATFORM = ("doors", "host.local")


def manifest(root: Path) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
    return raw


def modules(root: Path) -> tuple[Path, ...]:
    """The modules that the manifest names, with all that they import of this project, `__init__.py` included.

    Paths are relative to `root`. Raises `FileNotFoundError` for a module that is named and isn't there.
    """
    found: set[str] = set()
    waiting = list(_entries(manifest(root)))
    for name in waiting:
        if _file(root, name) is None:
            raise FileNotFoundError(f"The manifest needs the module {name}.")
    while waiting:
        name = waiting.pop()
        path = _file(root, name)
        if path is None or name in found or f"{name}.".startswith(tuple(f"{room}." for room in OFF_PLATFORM)):
            continue
        found.add(name)
        waiting += _imports(root / path, name)
    paths = {path for name in found if (path := _file(root, name)) is not None}
    packages = {parent for path in paths for parent in path.parents}
    return tuple(sorted(paths | {package / "__init__.py" for package in packages}))


def assets(root: Path) -> tuple[Path, ...]:
    """The files that the platform shows: the logos and the pages of the views."""
    raw = manifest(root)
    pages = (path.relative_to(root) for path in root.glob("*.html"))
    return tuple(sorted([Path(raw["logo"]), Path(raw["logo_dark"]), *pages]))


def _entries(raw: dict[str, Any]) -> Iterator[str]:
    """The modules by which the platform, or `host.action_run`, enters."""
    yield raw["main_module"].removesuffix(".py")
    if "rest_handler" in raw:
        yield raw["rest_handler"].rpartition(".")[0]
    for action in raw["actions"]:
        yield f"actions.{action['identifier']}"
        if "view" in action.get("render", {}):
            yield action["render"]["view"].rpartition(".")[0]


def _file(root: Path, name: str) -> Path | None:
    """The file of a module or package of ours, None for anything else."""
    path = Path(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if (root / candidate).is_file():
            return candidate
    return None


def _imports(path: Path, name: str) -> Iterator[str]:
    """The full names of all that could be a module among what a module imports, inside functions too."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            yield base
            # `from host import contract` names a module, `from actions.contract import Asset` a value in one
            yield from (f"{base}.{alias.name}" for alias in node.names)


def running(node: ast.AST) -> Iterator[ast.AST]:
    """The tree without what is there for type checkers only."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            for other in child.orelse:
                yield from running(other)
        else:
            yield from running(child)

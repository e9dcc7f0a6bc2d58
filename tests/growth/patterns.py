"""Every regular expression of the project, with the ways in which it is used."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ROOMS = ("smtp", "message", "auth", "delivery", "actions", "host", "doors")
_METHODS = frozenset({"match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"})
_ON_THE_PLATFORM_ONLY = ("host/soar/", "host/switch.py")


@dataclass(frozen=True, slots=True)
class Use:
    """A pattern, where it stands, and the method that is called on it there."""

    where: str
    pattern: re.Pattern[Any]
    method: str

    def __str__(self) -> str:
        return f"{self.where}.{self.method}"

    def __call__(self, text: str) -> None:
        value: Any = (
            text.encode("utf-8", "surrogateescape") if isinstance(self.pattern.pattern, bytes) else text
        )
        if self.method in ("sub", "subn"):
            self.pattern.sub(lambda _: value[:0], value)
        else:
            found = getattr(self.pattern, self.method)(value)
            if self.method == "finditer":
                list(found)


def uses() -> Iterator[Use]:
    """All of them: those that have a name in a module, and those that are written where they are used."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if not name.startswith(_ON_THE_PLATFORM_ONLY):
                yield from _of_module(name, ast.parse(path.read_text()))


def _of_module(name: str, tree: ast.Module) -> Iterator[Use]:
    module = None
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        method, owner = node.func.attr, node.func.value
        if method not in _METHODS or not isinstance(owner, ast.Name):
            continue
        if owner.id == "re" and isinstance(node.args[0], ast.Constant):
            flags = re.IGNORECASE if "IGNORECASE" in ast.dump(node) else 0
            yield Use(f"{name}:{node.lineno}", re.compile(node.args[0].value, flags), method)
        elif owner.id.isupper():
            module = module or importlib.import_module(name.removesuffix(".py").replace("/", "."))
            pattern = getattr(module, owner.id)
            if isinstance(pattern, re.Pattern):
                yield Use(f"{name}: {owner.id}", pattern, method)

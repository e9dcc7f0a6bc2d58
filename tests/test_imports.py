"""The rooms and their arrows: who may import whom, as data."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# room: what its modules may import of this project, besides the room itself
ARROWS = {
    "smtp": (),
    "message": ("smtp.envelope", "smtp.content", "smtp.errors", "smtp.text"),
    "auth": ("smtp",),
    "delivery": ("auth", "message", "smtp"),
    "actions": ("delivery", "auth", "message", "smtp"),
    # the platform calls these two in another process, where other modules of ours may not be found
    "smtp_redirect_handler": (),
    "smtp_result_view": (),
    # both ends of a sign-in have to agree on where they meet
    "host": ("smtp_redirect_handler", "actions", "auth"),
    "doors": ("host", "actions", "auth", "delivery", "message", "smtp"),
    "smtp_connector": ("actions", "auth", "delivery", "doors", "host", "message", "smtp"),
}
# these carry values of the envelope and of the message, and import nothing but each other
LEAVES = ("smtp.envelope", "smtp.content", "smtp.errors", "smtp.text")


def modules() -> Iterator[tuple[str, Path]]:
    for room in ARROWS:
        for path in [ROOT / f"{room}.py", *sorted((ROOT / room).rglob("*.py"))]:
            if path.is_file():
                relative = path.relative_to(ROOT).with_suffix("")
                yield ".".join(part for part in relative.parts if part != "__init__"), path


def imports(path: Path) -> Iterator[str]:
    """The full names of what a module imports, at its top or inside its functions; also for type hints only."""
    package = ".".join(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            # `from host import contract` names a module, `from actions.contract import Asset` a value in one
            yield from (f"{base}.{alias.name}" for alias in node.names)


def is_within(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def wrong_arrows(module: str, path: Path) -> list[str]:
    room = module.split(".")[0]
    rooms = [*ARROWS, "tests", "benchmarks", "examples"]
    ours = [name for name in imports(path) if any(is_within(name, other) for other in rooms)]
    return [f"{module} -> {n}" for n in ours if not any(is_within(n, ok) for ok in (room, *ARROWS[room]))]


MODULES = dict(modules())


@pytest.mark.parametrize("module", MODULES)
def test_no_arrow_points_the_wrong_way(module: str) -> None:
    assert wrong_arrows(module, MODULES[module]) == []


def test_nothing_of_the_program_imports_the_main_module() -> None:
    importers = {
        module: [name for name in imports(path) if is_within(name, "smtp_connector")]
        for module, path in MODULES.items()
    }
    assert {module for module, names in importers.items() if names} == set()


@pytest.mark.parametrize("module", [module for module in MODULES if is_within(module, "smtp")])
def test_smtp_needs_the_standard_library_alone(module: str) -> None:
    tops = {name.split(".")[0] for name in imports(MODULES[module])}
    assert tops - sys.stdlib_module_names <= {"smtp"}


@pytest.mark.parametrize("module", LEAVES)
def test_what_messages_are_made_of_imports_none_of_the_wire(module: str) -> None:
    ours = {name for name in imports(MODULES[module]) if is_within(name, "smtp")}
    assert all(any(is_within(name, leaf) for leaf in LEAVES) for name in ours - typed_only(module))


def typed_only(module: str) -> set[str]:
    """What a module names in type hints alone, under `if TYPE_CHECKING`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for inner in node.body:
                if isinstance(inner, ast.ImportFrom):
                    names |= {f"{inner.module}.{alias.name}" for alias in inner.names}
    return names


def test_a_wrong_arrow_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    module = tmp_path / "message" / "draft.py"
    module.parent.mkdir()
    module.write_text(
        "import json\nfrom smtp.envelope import Address\nfrom smtp import envelope\nfrom .errors import Fault\n"
        "def f():\n    from smtp.session import Session\n    import actions.contract\n    from auth import choose\n"
    )
    assert wrong_arrows("message.draft", module) == [
        "message.draft -> smtp.session.Session",
        "message.draft -> actions.contract",
        "message.draft -> auth.choose",
    ]

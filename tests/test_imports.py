"""The staircase: who may import whom, as data. A room imports only rooms below it, and no circle is anywhere."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# From the top to the bottom; rooms of one stair know nothing of each other.
STAIRCASE = (
    ("smtp_connector",),
    ("doors",),
    ("host",),
    ("actions",),
    ("delivery",),
    ("auth", "message"),
    ("smtp",),
)
# The platform calls these two in another process, where other modules of ours may not be found. Both ends of a
# sign-in have to agree on where they meet, so the host imports the first.
ALONE = ("smtp_redirect_handler", "smtp_result_view")
BESIDE = {"host": ("smtp_redirect_handler",)}
# Only the command line starts the other doors.
STARTS_DOORS = "doors.cli"
# The one name that is made while the program runs: an action's identifier in the manifest names its module.
LOADS_ACTIONS = ("host.action_run", "actions.")
# What messages are made of: these import nothing of the wire.
LEAVES = ("smtp.envelope", "smtp.content", "smtp.errors", "smtp.text")

ROOMS = tuple(room for stair in STAIRCASE for room in stair)


def below(room: str) -> tuple[str, ...]:
    """The rooms that a room may import, itself included."""
    if room in ALONE:
        return (room,)
    (stair,) = (number for number, rooms in enumerate(STAIRCASE) if room in rooms)
    lower = (name for rooms in STAIRCASE[stair + 1 :] for name in rooms)
    return (room, *lower, *BESIDE.get(room, ()))


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    for room in (*ROOMS, *ALONE):
        for path in [root / f"{room}.py", *sorted((root / room).rglob("*.py"))]:
            if path.is_file():
                relative = path.relative_to(root).with_suffix("")
                yield ".".join(part for part in relative.parts if part != "__init__"), path


def imports(module: str, path: Path) -> Iterator[str]:
    """The full names of what a module imports: at its top, inside its functions, for type hints, by a string."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                # Beyond the top: once installed as a package, the rooms are there.
                above = parts[: max(0, len(parts) - node.level + 1)]
                base = ".".join(part for part in (*above, base) if part)
            # `from host import contract` names a module, `from host.contract import Asset` a value in one
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)
            if base == "importlib":
                yield from (f"a name made by {alias.asname}" for alias in node.names if alias.asname)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in (
            "import_module",
            "__import__",
        ):
            yield from named_by_a_string([*node.args[:1], *(given.value for given in node.keywords)])


def named_by_a_string(arguments: Iterable[ast.expr]) -> Iterator[str]:
    """The name given to `import_module`; of one that is made while it runs, as much as is fixed."""
    for argument in arguments:
        if isinstance(argument, ast.JoinedStr):
            argument = argument.values[0]
        if isinstance(argument, ast.Constant):
            yield str(argument.value)
        else:
            yield f"a name made by {ast.unparse(argument)}"


def is_within(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def wrong_arrows(module: str, path: Path) -> list[str]:
    """What a module imports of this project, or by a name that nobody can read, and may not."""
    allowed = below(module.split(".")[0])
    wrong = []
    for name in imports(module, path):
        if (module, name) == LOADS_ACTIONS:
            continue
        ours = any(
            is_within(name, room) for room in (*ROOMS, *ALONE, "tests", "benchmarks", "examples", "tools")
        )
        if name.startswith("a name made by") or (ours and not any(is_within(name, room) for room in allowed)):
            wrong.append(f"{module} -> {name}")
        elif is_within(name, "doors") and is_within(module, "doors") and not is_within(module, STARTS_DOORS):
            door = ".".join(module.split(".")[:2])
            wrong += [] if is_within(name, door) else [f"{module} -> {name}"]
    return wrong


def arrows(all_modules: Mapping[str, Path]) -> dict[str, set[str]]:
    """For each module those that it imports, wherever it does so."""
    found: dict[str, set[str]] = {}
    for module, path in all_modules.items():
        names = set(imports(module, path))
        # `from smtp import text` names the module, `from smtp.text import showable` what is in it
        targets = {name if name in all_modules else name.rpartition(".")[0] for name in names}
        found[module] = targets & all_modules.keys() - {module}
    return found


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """The modules of a circle, in order; none if there is no circle."""
    done: set[str] = set()

    def walk(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        for other in sorted(graph[module]):
            if found := walk(other, [*way, module]):
                return found
        done.add(module)
        return []

    for module in sorted(graph):
        if found := walk(module, []):
            return found
    return []


MODULES = dict(modules(ROOT))


@pytest.mark.parametrize("module", MODULES)
def test_no_arrow_points_up_the_staircase(module: str) -> None:
    assert wrong_arrows(module, MODULES[module]) == []


def test_no_circle_is_left() -> None:
    assert circle(arrows(MODULES)) == []


@pytest.mark.parametrize("module", [module for module in MODULES if is_within(module, "smtp")])
def test_smtp_needs_the_standard_library_alone(module: str) -> None:
    tops = {name.split(".")[0] for name in imports(module, MODULES[module])}
    assert tops - sys.stdlib_module_names <= {"smtp"}


@pytest.mark.parametrize("module", LEAVES)
def test_what_messages_are_made_of_imports_none_of_the_wire(module: str) -> None:
    ours = {name for name in imports(module, MODULES[module]) if is_within(name, "smtp")}
    assert all(any(is_within(name, leaf) for leaf in LEAVES) for name in ours - typed_only(module))


def test_a_message_is_made_of_nothing_of_the_wire() -> None:
    of_smtp = {
        name
        for module, path in MODULES.items()
        if is_within(module, "message")
        for name in imports(module, path)
        if is_within(name, "smtp")
    }
    assert {name for name in of_smtp if not any(is_within(name, leaf) for leaf in LEAVES)} == set()


def typed_only(module: str) -> set[str]:
    """What a module names in type hints alone, under `if TYPE_CHECKING`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for inner in node.body:
                if isinstance(inner, ast.ImportFrom):
                    names |= {f"{inner.module}.{alias.name}" for alias in inner.names}
    return names


def written(folder: Path, module: str, text: str) -> Path:
    path = folder / Path(*module.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("module", "text", "wrong"),
    [
        ("message.draft", "from smtp.session import Session\nimport json\nfrom .errors import Fault", []),
        ("message.draft", "def f():\n    from auth import choose", ["auth.choose"]),
        ("message.draft", "def f():\n    import host.switch", ["host.switch"]),
        ("delivery.pool", "import_module('actions.report')", ["actions.report"]),
        ("delivery.pool", "import_module(name='actions.report')", ["actions.report"]),
        ("delivery.pool", "from importlib import import_module as load", ["a name made by load"]),
        ("message.draft", "from .. import host", ["host"]),
        ("message.html.markup", "from ...host import switch", ["host.switch"]),
        ("delivery.pool", "importlib.import_module(f'actions.{name}')", ["actions."]),
        ("host.action_run", "importlib.import_module(f'actions.{name}')", []),
        ("host.local.home", "import_module(name)", ["a name made by name"]),
        ("actions.send_email", "from tests.support import mail", ["tests.support.mail"]),
        ("doors.dapr.server", "from doors.cli.terminal import Terminal", ["doors.cli.terminal.Terminal"]),
        ("doors.dapr.server", "from doors.dapr.metadata import read", []),
        ("doors.cli.command_line", "from doors.demo.demo import demo", []),
        ("smtp_result_view", "import smtp.errors", ["smtp.errors"]),
    ],
)
def test_a_wrong_arrow_is_found(tmp_path: Path, module: str, text: str, wrong: list[str]) -> None:
    path = written(tmp_path, module, text)
    assert wrong_arrows(module, path) == [f"{module} -> {name}" for name in wrong]


def test_a_circle_is_found_even_if_one_of_its_arrows_is_inside_a_function(tmp_path: Path) -> None:
    written(tmp_path, "smtp.a", "from smtp.b import thing")
    written(tmp_path, "smtp.b", "def f():\n    from smtp import c")
    written(tmp_path, "smtp.c", "import_module('smtp.a')")
    assert circle(arrows(dict(modules(tmp_path)))) == ["smtp.a", "smtp.b", "smtp.c", "smtp.a"]

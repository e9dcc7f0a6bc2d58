"""The package of the app: unpacked, and every member looked at."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
import sys
import tarfile
from pathlib import Path

import pytest

from delivery.remedies.replies import CASES
from tests.support.archives import unpack
from tools import contents
from tools.package import LOCK, ROOT, files, write
from tools.wheels import OF_THE_PLATFORM, Pin, WheelError, bundled, pins, place, wheels

MANIFEST = contents.manifest(ROOT)
FOLDER = MANIFEST["package_name"]
BUNDLE = (
    "Pure_One-1.0-py3-none-any.whl",
    "both-2.0-py2.py3-none-any.whl",
    "native-3.0-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "stable-4.0-cp311-abi3-manylinux_2_28_x86_64.whl",
)
SUFFIXES = {".py", ".json", ".svg", ".html", ".md", ".whl", ""}
# What may be imported: the platform brings Django and its own modules, the wheels bring the rest.
FOREIGN = {"requests", "idna", "django", "phantom", "encryption_helper"}
BUNDLED = {
    "authlib",
    "cryptography",
    "icalendar",
    "jinja2",
    "joserfc",
    "jsonschema",
    "markdown_it",
    "msal",
    "nh3",
    "tinycss2",
}


@pytest.fixture
def bundle(tmp_path: Path) -> list[Path]:
    """Files that are called like wheels of each kind."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in BUNDLE:
        (folder / name).write_bytes(name.encode())
    return sorted(folder.iterdir())


@pytest.fixture
def archive(bundle: list[Path], tmp_path: Path) -> tarfile.TarFile:
    return tarfile.open(write(ROOT, tmp_path / "dist", bundle))


def test_it_is_named_after_the_app_and_its_version(bundle: list[Path], tmp_path: Path) -> None:
    path = write(ROOT, tmp_path, bundle)
    assert path.name == f"{FOLDER}-{MANIFEST['app_version']}.tgz"
    assert not list(tmp_path.glob("*.part"))


def test_the_same_files_give_the_same_bytes(bundle: list[Path], tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shown = ["docs/splunk-soar.md", *(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/errors/*.md"))]
    for name in (*(set(files(ROOT, ())) - {"README.md"}), *shown):
        source = ROOT / name
        target = clone / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o600)
        os.utime(target, (1, 1))
    ours, theirs = write(ROOT, tmp_path / "a", bundle), write(clone, tmp_path / "b", bundle)
    assert ours.read_bytes() == theirs.read_bytes()


def test_every_member_is_a_plain_file_or_folder_below_the_one_folder(archive: tarfile.TarFile) -> None:
    members = archive.getmembers()
    assert members[0].name == FOLDER
    for member in members:
        assert member.name.split("/")[0] == FOLDER
        assert member.isreg() or member.isdir()
        assert member.mode == (0o755 if member.isdir() else 0o644)
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
        assert ".." not in member.name.split("/")
    assert len({member.name for member in members}) == len(members)


def test_every_member_is_of_a_kind_that_the_platform_needs(archive: tarfile.TarFile) -> None:
    names = [Path(m.name).relative_to(FOLDER) for m in archive.getmembers() if m.isreg()]
    assert {name.suffix for name in names} <= SUFFIXES
    assert {name.parts[0] for name in names if len(name.parts) > 1} == {
        *("actions", "auth", "delivery", "host", "message", "smtp", "wheels")
    }
    tops = {str(name) for name in names if len(name.parts) == 1}
    assert [name for name in tops if name.endswith(".json")] == ["connector.json"]
    assert {MANIFEST["main_module"], MANIFEST["logo"], MANIFEST["logo_dark"], "__init__.py"} <= tops
    assert {"smtp_redirect_handler.py", "smtp_result_view.py", "smtp_result_view.html", "README.md"} <= tops
    texts = {str(name) for name in names if name.suffix == ".md" or not name.suffix}
    assert texts <= {"README.md", "LICENSE"}


def test_what_a_hint_names_can_be_read_where_the_platform_shows_the_app(archive: tarfile.TarFile) -> None:
    member = archive.extractfile(f"{FOLDER}/README.md")
    assert member is not None
    readme = member.read().decode()
    pages = {case.remedy.page for case in CASES} - {""}
    assert {page for page in pages if f"\n### {page}\n" not in readme} == set()
    assert "Set-CASMailbox me@contoso.com -SmtpClientAuthenticationDisabled $false" in readme
    links = re.findall(r"\]\(([^)#]+)\)", readme)
    assert [link for link in links if "://" not in link] == [], "the package has no other document"


def test_nothing_of_the_embedded_host_and_the_terminal_is_in_it(archive: tarfile.TarFile) -> None:
    for unwanted in ("embedded", "command_line", "playbook", "demo", "terminal", "console", "tests", "tools"):
        assert not [name for name in archive.getnames() if unwanted in name]


def test_every_module_compiles_and_can_find_what_it_imports(archive: tarfile.TarFile, tmp_path: Path) -> None:
    unpack(archive, tmp_path)
    app = tmp_path / FOLDER
    ours = {path.name.removesuffix(".py") for path in app.iterdir()}
    for path in app.rglob("*.py"):
        compile(path.read_bytes(), str(path), "exec")
        for name in imported(path):
            top = name.split(".")[0]
            if top in ours:
                found = app.joinpath(*name.split("."))
                assert found.with_suffix(".py").exists() or found.is_dir(), f"{path}: {name}"
            else:
                assert top in sys.stdlib_module_names | FOREIGN | BUNDLED, f"{path}: {name}"


def imported(path: Path) -> set[str]:
    """The modules that a module imports when it runs on the platform."""
    names: set[str] = set()
    for node in contents.running(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(str(node.module))
    # the other side of the one switch between the platform and the embedded host
    return {name for name in names if not name.startswith("host.local")}


def test_the_manifest_names_the_wheels_and_is_otherwise_unchanged(archive: tarfile.TarFile) -> None:
    file = archive.extractfile(f"{FOLDER}/connector.json")
    assert file is not None
    packaged = json.loads(file.read())
    dependencies = packaged.pop("pip313_dependencies")
    assert packaged == MANIFEST
    assert dependencies == {
        "wheel": [
            {"module": "Pure_One", "input_file": f"wheels/py3/{BUNDLE[0]}"},
            {"module": "both", "input_file": f"wheels/shared/{BUNDLE[1]}"},
            {"module": "native", "input_file": f"wheels/py313/{BUNDLE[2]}"},
            {"module": "stable", "input_file": f"wheels/py3/{BUNDLE[3]}"},
        ]
    }
    for entry in dependencies["wheel"]:
        wheel = archive.extractfile(f"{FOLDER}/{entry['input_file']}")
        assert wheel is not None
        assert wheel.read().decode() == Path(entry["input_file"]).name


def test_a_module_that_the_manifest_names_has_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "connector.json").write_text(json.dumps({"main_module": "gone.py", "actions": []}))
    with pytest.raises(FileNotFoundError, match="needs the module gone"):
        contents.modules(tmp_path)


def test_what_only_type_checkers_and_other_hosts_need_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "connector.json").write_text(json.dumps({"main_module": "main.py", "actions": []}))
    (tmp_path / "main.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import hints\nelse:\n    import used\n"
        "def f():\n    from room import part\n    import host.local.store\n"
    )
    for name in ("hints.py", "used.py", "room/__init__.py", "room/part.py", "room/other.py", "unused.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = {str(path) for path in contents.modules(tmp_path)}
    assert found == {"__init__.py", "main.py", "used.py", "room/__init__.py", "room/part.py"}


class TestPins:
    def test_every_dependency_of_the_app_is_pinned_with_hashes(self) -> None:
        found = {pin.name: pin for pin in pins(ROOT / LOCK)}
        wanted = (ROOT / "requirements" / "app.in").read_text().splitlines()
        assert {line for line in wanted if line and not line.startswith("#")} <= set(found)
        assert all(pin.hashes and "==" in pin.requirement for pin in found.values())

    def test_nothing_that_the_platform_brings_is_bundled(self) -> None:
        names = {pin.name for pin in bundled(ROOT / LOCK)}
        assert not names & OF_THE_PLATFORM
        assert names >= (BUNDLED - {"markdown_it"}) | {"markdown-it-py"}

    def test_markers_are_judged_for_the_platforms_python(self, tmp_path: Path) -> None:
        lock = tmp_path / "lock.txt"
        zeros, ones = (f" \\\n    --hash=sha256:{digit * 64}" for digit in "01")
        lines = [
            "# a comment",
            f"yes==1 ; python_full_version >= '3.13'{zeros}",
            f"old==1 ; python_version < '3.13'{zeros}",
            f"windows==1 ; sys_platform == 'win32'{zeros}",
            f"Plain_Name==2{zeros}{ones}",
        ]
        lock.write_text("\n".join(lines) + "\n")
        assert [(pin.name, pin.requirement, len(pin.hashes)) for pin in pins(lock)] == [
            ("yes", "yes==1", 1),
            ("plain-name", "Plain_Name==2", 2),
        ]


class TestWheels:
    NAME = "thing-1.0-py3-none-any.whl"

    def pin(self, content: bytes) -> Pin:
        return Pin("thing", "thing==1.0", frozenset({f"sha256:{hashlib.sha256(content).hexdigest()}"}))

    def test_one_that_is_there_is_not_downloaded_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tools.wheels._download", lambda *_: pytest.fail("downloaded"))
        (tmp_path / self.NAME).write_bytes(b"right")
        assert wheels([self.pin(b"right")], tmp_path) == (tmp_path / self.NAME,)

    def test_one_that_was_changed_is_not_taken(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tools.wheels._download", lambda *_: None)
        (tmp_path / self.NAME).write_bytes(b"changed")
        with pytest.raises(WheelError, match=r"without a wheel of the hash .*: thing==1\.0\."):
            wheels([self.pin(b"right")], tmp_path)

    def test_what_pip_says_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        with pytest.raises(WheelError, match=r"(?s)pip could not download.*thing==1\.0"):
            wheels([self.pin(b"right")], tmp_path)

    @pytest.mark.parametrize("name", BUNDLE)
    def test_each_lies_where_its_python_looks(self, name: str) -> None:
        assert (
            place(name).split("/")[1]
            == {"Pur": "py3", "bot": "shared", "nat": "py313", "sta": "py3"}[name[:3]]
        )

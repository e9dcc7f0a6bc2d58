"""What holds for the repository as a whole: one version, known interpreters, commands that exist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MANIFEST: dict[str, Any] = json.loads((ROOT / "connector.json").read_text(encoding="utf-8"))
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
PYTHONS = ("3.11", "3.12", "3.13")


def test_the_version_stands_in_the_manifest_alone() -> None:
    assert "version" not in PROJECT["project"]
    assert "version" in PROJECT["project"]["dynamic"]
    built = subprocess.run(
        [sys.executable, "setup.py", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert built.stdout.splitlines()[-1] == MANIFEST["app_version"]


def test_the_changelog_has_the_version_of_the_manifest_first() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == MANIFEST["app_version"]


@pytest.mark.parametrize("path", sorted((ROOT / "changelog.d").iterdir()), ids=lambda path: path.name)
def test_a_changelog_fragment_has_a_kind_and_says_something(path: Path) -> None:
    if path.name == "README.md":
        kinds = {kind["directory"] for kind in PROJECT["tool"]["towncrier"]["type"]}
        assert kinds == set(
            re.findall(r"^\| `(\w+)` \| ", path.read_text(encoding="utf-8"), re.MULTILINE)
        ) - {"KIND"}
        return
    assert re.fullmatch(r"\+[a-z0-9-]+\.(security|added|changed|fixed)\.md", path.name)
    text = path.read_text(encoding="utf-8").strip()
    assert text.endswith(".")
    assert not text.startswith("-")


def test_the_fragments_become_a_section_of_the_changelog() -> None:
    draft = subprocess.run(
        [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "9.8.7"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert draft.returncode == 0, draft.stderr
    assert draft.stdout.startswith("## 9.8.7 (")
    for path in (ROOT / "changelog.d").glob("+*.md"):
        assert path.read_text(encoding="utf-8").split()[0] in draft.stdout


def test_the_repository_holds_files_and_no_links() -> None:
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "--stage"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        modes = [line.split()[0] for line in listed.stdout.splitlines()]
    else:  # a copy without git: an environment beside the files is none of them, and holds links
        names = [path for path in ROOT.iterdir() if not path.name.startswith(".venv")]
        found = [path for name in names for path in (name, *name.rglob("*"))]
        modes = ["120000" if path.is_symlink() else "100644" for path in found]
    assert modes
    assert set(modes) <= {"100644", "100755"}


def test_every_python_that_is_promised_is_tried() -> None:
    classifiers = PROJECT["project"]["classifiers"]
    assert [c.rpartition(" ")[2] for c in classifiers if re.search(r"Python :: 3\.\d+$", c)] == list(PYTHONS)
    assert PROJECT["project"]["requires-python"] == f">={PYTHONS[0]}"
    assert re.findall(r"\$\(python (\S+)\)", CI) == list(PYTHONS)


def test_a_missing_python_fails_with_one_line(tmp_path: Path) -> None:
    bash = Path("/bin/bash")
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    done = subprocess.run(
        [bash, ROOT / ".ci" / "run"],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert done.stderr == "Python 3.11 was found neither on the path nor in ~/.pyenv/versions.\n"
    assert done.stdout == ""


def test_the_hosts_workflow_calls_the_same_script() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert re.findall(r"run: (bash .*)$", workflow, re.MULTILINE) == ["bash .ci/run"]


@pytest.mark.parametrize(
    "path",
    [
        ROOT / ".ci" / "run",
        *sorted(
            path
            for folder in (".", "docs", "examples", "changelog.d", "tests")
            for path in ROOT.glob(f"{folder}/*.md")
        ),
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_target_that_is_named_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^step \d+ |^ {4}|^)make ([a-z-]+)", text, re.MULTILINE))
    assert named <= TARGETS

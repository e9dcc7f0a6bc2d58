"""Splunk's own SDK reads the app: its manifest commands, and its conversion into an app of the SDK."""

from __future__ import annotations

import json
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

# Where this environment's packages come from: the SDK would ask another address for the same ones.
from pip._internal.models.index import PyPI

from tests.platform.python313 import python313
from tests.real.processes import run
from tests.support.archives import unpack
from tools import contents
from tools import package as packaging

_LOCK = Path(__file__).parent / "sdk" / "requirements.txt"
_HOME = packaging.ROOT / ".local" / "sdk"
_UV = str(Path(sys.executable).parent / "uv")
_SECONDS = 300

Fields = dict[str, Any]


def _environment() -> dict[str, str]:
    """The SDK looks for `uv` on the path, and is to use the Python that is there."""
    return {
        **os.environ,
        "PATH": f"{Path(_UV).parent}:{os.environ['PATH']}",
        "UV_PYTHON": str(python313()),
        "UV_PYTHON_DOWNLOADS": "never",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "COLUMNS": "1000",
    }


@pytest.fixture(scope="module")
def soarapps() -> str:
    """The SDK's program, in an environment of its own that is kept for the next time."""
    program, stamp = _HOME / "bin" / "soarapps", _HOME / "installed"
    if not stamp.exists() or stamp.read_bytes() != _LOCK.read_bytes():
        run([_UV, "venv", "--quiet", "--clear", "--python", str(python313()), str(_HOME)], seconds=_SECONDS)
        install = [_UV, "pip", "install", "--quiet", "--python", str(_HOME / "bin" / "python")]
        run([*install, "--require-hashes", "--requirement", str(_LOCK)], seconds=_SECONDS)
        stamp.write_bytes(_LOCK.read_bytes())
    return str(program)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, unpacked."""
    folder = tmp_path_factory.mktemp("app")
    with tarfile.open(packaging.write(packaging.ROOT, folder, ())) as archive:
        unpack(archive, folder)
    return folder / contents.manifest(packaging.ROOT)["package_name"]


def test_the_manifest_is_displayed(soarapps: str, app: Path) -> None:
    shown = run([soarapps, "manifests", "display", str(app / "connector.json")], environment=_environment())
    for action in contents.manifest(packaging.ROOT)["actions"]:
        assert action["identifier"] in shown


@pytest.fixture(scope="module")
def converted(soarapps: str, app: Path, tmp_path_factory: pytest.TempPathFactory) -> Fields:
    """The manifest that the SDK writes for the app into which it has converted ours."""
    folder = tmp_path_factory.mktemp("sdk") / "converted"
    convert = [soarapps, "convert", "--uv-index", PyPI.simple_url, str(app), str(folder)]
    said = run(convert, seconds=_SECONDS, environment=_environment())
    assert "Successfully created app" in said
    create = [soarapps, "manifests", "create", str(folder / "manifest.json"), str(folder)]
    run(create, seconds=_SECONDS, environment=_environment())
    manifest: Fields = json.loads((folder / "manifest.json").read_text())
    return manifest


def test_a_converted_app_is_still_the_same_app(converted: Fields) -> None:
    ours = contents.manifest(packaging.ROOT)
    for key in ("appid", "type", "product_vendor", "product_name", "publisher", "app_version", "logo"):
        assert converted[key] == ours[key]
    assert set(converted["configuration"]) == set(ours["configuration"])
    for name, field in ours["configuration"].items():
        # its conversion does not say which texts are passwords
        kind = field["data_type"].replace("password", "string")
        assert converted["configuration"][name]["data_type"] == kind


def test_every_action_keeps_its_parameters_and_its_data(converted: Fields) -> None:
    theirs = {action["identifier"]: action for action in converted["actions"]}
    for action in contents.manifest(packaging.ROOT)["actions"]:
        other = theirs[action["identifier"]]
        assert (other["action"], other["type"]) == (action["action"], action["type"])
        assert set(other["parameters"]) == set(action["parameters"])
        for name, parameter in action["parameters"].items():
            converted_parameter = other["parameters"][name]
            for key in ("data_type", "required", "order", "contains"):
                assert converted_parameter.get(key) == parameter.get(key), (name, key)
            assert converted_parameter["allow_list"] == parameter.get("allow_list", False)
        paths = {output["data_path"]: output["data_type"] for output in other["output"]}
        for output in action["output"]:
            if output["data_path"].startswith("action_result.data.*."):
                assert paths[output["data_path"]] == output["data_type"]

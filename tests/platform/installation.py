"""The platform with the app installed from its package: each action run a process, the web server another one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import runpy
import signal
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from tests.real.processes import Daemon, free_port
from tests.support.archives import unpack

_STAND_IN = Path(__file__).parent / "stand_in"
_SECONDS = 120

Fields = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One action run: its result, and what was told on the way, by kind (progress, passing, debug, error)."""

    result: Fields
    told: list[dict[str, str]]

    @property
    def progress(self) -> list[str]:
        return [text["progress"] for text in self.told if "progress" in text]

    @property
    def data(self) -> Fields:
        """The only data object of the only action result."""
        (result,) = self.result["result_data"]
        (data,) = result["data"]
        fields: Fields = data
        return fields


@dataclass
class Process:
    """An action run that goes on."""

    _process: subprocess.Popen[str]
    _output: Path
    told: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._bound = threading.Timer(_SECONDS, self._process.kill)
        self._bound.start()

    def wait_for(self, part: str) -> str:
        """The first text told from here on that has `part` in it."""
        for text in self._texts():
            if part in text:
                return text
        raise AssertionError(f"{part!r} was never told: {self.told}")

    def cancel(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def finish(self) -> Run:
        for _ in self._texts():
            pass
        code = self._process.wait()
        self._bound.cancel()
        assert code == 0, self.told
        return Run(json.loads(self._output.read_text()), self.told)

    def _texts(self) -> Iterator[str]:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            try:
                self.told.append(json.loads(line))
            except ValueError:
                self.told.append({"error": line})  # a traceback, say
            yield from self.told[-1].values()


class Platform:
    """A platform of its own under `folder`, with the app of `package` installed; entered, its web server runs.

    `python` is the interpreter of its processes, `packages` the folders with all that can be imported there besides
    the standard library, the app and the platform's own modules.
    """

    def __init__(self, folder: Path, package: Path, python: Path, packages: Sequence[Path]) -> None:
        self.home = folder / "opt" / "phantom"
        self._python = python
        self._packages = [str(path) for path in packages]
        self._port = free_port()
        self._runs = 0
        for part in ("apps", "etc", "vault/reports"):
            (self.home / part).mkdir(parents=True)
        (self.home / "keystore").write_bytes(os.urandom(32))
        self._index: list[Fields] = []
        self._assets: dict[str, str] = {}
        self._write("vault/index.json", self._index)
        self._write("assets.json", self._assets)
        self.app = self._install(package)
        self.manifest: Fields = json.loads((self.app / "connector.json").read_text())

    def _install(self, package: Path) -> Path:
        """Unpack the package into the folder that the platform names after the app."""
        unpacked = self.home / "tmp"
        with tarfile.open(package) as archive:
            unpack(archive, unpacked)
        (folder,) = unpacked.iterdir()
        manifest = json.loads((folder / "connector.json").read_text())
        name = "".join(filter(str.isalnum, manifest["name"])).lower()
        return folder.rename(self.home / "apps" / f"{name}_{manifest['appid']}")

    def __enter__(self) -> Self:
        self._web = Daemon(
            self._command("web.py", str(self._port)),
            log=self.home / "web.log",
            ports=[self._port],
            environment=self._environment(),
            folder=self.home,
        )
        self._web.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._web.__exit__(None, None, None)

    @property
    def web_log(self) -> str:
        return (self.home / "web.log").read_text()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    @property
    def states(self) -> Path:
        """The folder with the states of this app's assets."""
        return self.home / "local_data" / "app_states" / self.manifest["appid"]

    def add_asset(self, name: str) -> str:
        """The new asset's id."""
        asset_id = str(len(self._assets) + 3)
        self._assets[asset_id] = name
        self._write("assets.json", self._assets)
        return asset_id

    def add_to_vault(self, content: bytes, name: str, container_id: int) -> str:
        """The new file's vault id."""
        vault_id = hashlib.sha1(content).hexdigest()
        path = self.home / "vault" / vault_id
        path.write_bytes(content)
        self._index.append(
            {
                "vault_id": vault_id,
                "path": str(path),
                "name": name,
                "size": len(content),
                "container_id": container_id,
            }
        )
        self._write("vault/index.json", self._index)
        return vault_id

    def start(
        self,
        identifier: str,
        config: Fields,
        *parameters: Fields,
        asset_id: str = "3",
        container_id: int = 17,
        environment: dict[str, str] | None = None,
    ) -> Process:
        """Start an action run, with passwords encrypted and everything else as the platform gives it."""
        self._runs += 1
        output = self.home / f"result{self._runs}.json"
        with output.open("w") as file:
            process = subprocess.Popen(
                self._command("spawn.py"),
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.PIPE,
                text=True,
                cwd="/",
                env=self._environment(),
            )
        (action,) = (a for a in self.manifest["actions"] if a["identifier"] == identifier)
        given = {
            "identifier": identifier,
            "action": action["action"],
            "asset_id": asset_id,
            "config": {**self._of_the_platform(), **self._encrypted(config, asset_id)},
            "parameters": [{**param, "context": _context()} for param in parameters or ({},)],
            "container_id": container_id,
            "environment_variables": {
                name: {"type": "string", "value": value} for name, value in (environment or {}).items()
            },
            "debug_level": 3,
            "connector_run_id": 5,
            "action_run_id": 5,
        }
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps(given))
        return Process(process, output)

    def run(self, identifier: str, config: Fields, *parameters: Fields, **more: Any) -> Run:
        return self.start(identifier, config, *parameters, **more).finish()

    def _of_the_platform(self) -> Fields:
        return {
            "app_version": self.manifest["app_version"],
            "directory": self.app.name,
            "main_module": self.manifest["main_module"],
            "appname": "-",
            "ingest": {},
        }

    def _encrypted(self, config: Fields, asset_id: str) -> Fields:
        with patch.dict(os.environ, PHANTOM_HOME=str(self.home)):
            encrypt = runpy.run_path(str(_STAND_IN / "lib" / "encryption_helper.py"))["encrypt"]
            declared = self.manifest["configuration"]
            return {
                name: encrypt(value, asset_id)
                if value and declared.get(name, {}).get("data_type") == "password"
                else value
                for name, value in config.items()
            }

    def _command(self, program: str, *arguments: str) -> list[str]:
        """-I and -S: no user's folder, no site-packages, nothing of this checkout."""
        return [
            str(self._python),
            "-I",
            "-S",
            "-B",
            str(_STAND_IN / program),
            *arguments,
            str(self.app),
            *self._packages,
        ]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PHANTOM_HOME": str(self.home),
            "PHANTOM_BASE_URL": self.base_url,
        }

    def _write(self, name: str, content: object) -> None:
        (self.home / name).write_text(json.dumps(content))


def _context() -> Fields:
    return {"guid": "b7c7d8a4-7e1a-4f0f-9f3a-0d3f5c1f2a6b", "artifact_id": 0, "parent_action_run": []}

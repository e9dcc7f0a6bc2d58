"""nodemailer, with its pool: npm's package in its exact version, installed into a folder of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.mails import SENDER
from benchmarks.result import Unavailable

_HERE = Path(__file__).parent / "nodemailer"
_FOLDER = Path(__file__).resolve().parents[2] / ".local" / "nodemailer"


def pooled(port: int, mails: Sequence[Mapping[str, str]], connections: int = 1) -> float:
    """Seconds, without Node's own start."""
    return _sent(
        port,
        [
            {"from": SENDER, "to": mail["to"], "subject": mail["subject"], "text": mail["body"]}
            for mail in mails
        ],
        connections,
    )


def send_ready(port: int, message: bytes, count: int) -> float:
    envelope = {"from": SENDER, "to": ["person0@example.com"]}
    return _sent(port, [{"envelope": envelope, "raw": message.decode()}] * count)


def _sent(port: int, mails: list[dict[str, Any]], connections: int = 1) -> float:
    install()
    job = json.dumps({"port": port, "mails": mails, "connections": connections})
    done = subprocess.run(
        ["node", _FOLDER / "send.js"], input=job, capture_output=True, text=True, check=True, timeout=3600
    )
    return float(done.stdout)


def install() -> None:
    """Quick when it is there already: the folder keeps the lock file that it was made from."""
    lock = (_HERE / "package-lock.json").read_bytes()
    installed = _FOLDER / "installed"
    if not (installed.exists() and installed.read_bytes() == lock):
        if shutil.which("npm") is None:
            raise Unavailable("npm is missing, which installs nodemailer")
        _FOLDER.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(_HERE / name, _FOLDER)
        subprocess.run(["npm", "ci", "--silent"], cwd=_FOLDER, check=True, timeout=300)
        installed.write_bytes(lock)
    shutil.copy(_HERE / "send.js", _FOLDER)  # Node looks for modules beside the script

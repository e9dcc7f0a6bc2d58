"""Attack 15: many processes, one token, and a provider that takes the second use of a refresh token for theft."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host.local.home import FileState
from tests.support.token_endpoint import Sender, TokenEndpoint

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
from pathlib import Path
from auth.errors import AuthError
from auth.oauth.method import OAuth
from host.local.home import FileState
from tests.auth.helpers import login

folder, fields = Path(sys.argv[1]), json.loads(sys.argv[2])
texts = []
try:
    credentials = OAuth(login(**fields), FileState(folder, "7")).get_credentials(texts.append)
    print(json.dumps({"token": credentials.token}))
except AuthError as exc:
    print(json.dumps({"error": exc.oauth_error, "hint": exc.hint}))
"""


@pytest.fixture
def provider() -> Iterator[TokenEndpoint]:
    with TokenEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def started(folder: Path, fields: dict[str, Any], **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(folder), json.dumps(fields)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
        start_new_session=True,
    )


def outcome(process: subprocess.Popen[str]) -> dict[str, str]:
    output, _ = process.communicate(timeout=60)
    answer: dict[str, str] = json.loads(output)
    return answer


def fields_for(provider: TokenEndpoint) -> dict[str, Any]:
    return {
        "client_id": provider.behaviour.client_id,
        "token_url": provider.token_url,
        "refresh_token": provider.give_refresh_token(),
    }


def test_twelve_processes_that_find_an_expired_token_make_one_refresh(
    provider: TokenEndpoint, folder: Path
) -> None:
    fields = fields_for(provider)
    outcome(started(folder, fields))
    expire(folder)
    provider.behaviour.delay = 0.3  # long enough for all of them to be waiting
    before = len(provider.requests)
    outcomes = [outcome(process) for process in [started(folder, fields) for _ in range(12)]]
    assert len(provider.requests) == before + 1
    assert outcomes == [{"token": provider.access_tokens[-1]}] * 12
    expire(folder)
    assert outcome(started(folder, fields)) == {"token": provider.access_tokens[-1]}, "nobody was signed out"


def test_a_process_killed_while_it_asked_leaves_a_token_to_go_on_with_if_the_provider_had_not_answered(
    provider: TokenEndpoint, folder: Path
) -> None:
    fields = fields_for(provider)
    provider.behaviour.answer = lambda sender: time.sleep(3)
    killed(started(folder, fields), provider)
    provider.behaviour.answer = None
    assert outcome(started(folder, fields)) == {"token": provider.access_tokens[-1]}


def test_a_process_killed_before_it_could_save_leads_to_a_hint_that_says_so(
    provider: TokenEndpoint, folder: Path
) -> None:
    fields = fields_for(provider)

    def answer_too_late(sender: Sender) -> None:
        provider.token(provider.requests[-1])
        time.sleep(3)

    provider.behaviour.answer = answer_too_late
    killed(started(folder, fields), provider)
    provider.behaviour.answer = None
    for _ in range(2):
        answer = outcome(started(folder, fields))
        assert answer["error"] == "invalid_grant"
        assert answer["hint"].startswith("An earlier refresh never ended: the process was stopped")
        assert "Run test connectivity to sign in again" in answer["hint"]


def test_a_process_told_to_stop_saves_the_answer_first(provider: TokenEndpoint, folder: Path) -> None:
    fields = fields_for(provider)
    provider.behaviour.delay = 0.5
    process = started(folder, fields)
    wait_for_request(provider)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)
    assert process.returncode == -signal.SIGTERM
    provider.behaviour.delay = 0
    assert outcome(started(folder, fields)) == {"token": provider.access_tokens[0]}
    assert len(provider.requests) == 1


def test_tokens_lie_encrypted_where_only_the_owner_can_read(provider: TokenEndpoint, folder: Path) -> None:
    fields = fields_for(provider)
    outcome(started(folder, fields))
    files = [path for path in folder.rglob("*") if path.is_file()]
    stored = b"".join(path.read_bytes() for path in files)
    secrets = [
        fields["refresh_token"],
        *provider.access_tokens,
        FileState(folder, "7").load()["oauth"]["token"]["refresh_token"],
    ]
    assert not any(secret.encode() in stored for secret in secrets)
    assert {path.stat().st_mode & 0o077 for path in files} == {0}


def expire(folder: Path) -> None:
    state = FileState(folder, "7")
    with state.lock():
        kept = state.load()
        kept["oauth"]["token"] |= {"expires_at": 1.0, "refresh_at": 1.0}
        state.save(kept)


def killed(process: subprocess.Popen[str], provider: TokenEndpoint) -> None:
    wait_for_request(provider)
    time.sleep(0.1)
    process.kill()
    process.communicate(timeout=10)


def wait_for_request(provider: TokenEndpoint) -> None:
    until = time.monotonic() + 20
    while not provider.requests and time.monotonic() < until:
        time.sleep(0.02)
    assert provider.requests

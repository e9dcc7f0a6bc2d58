from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest

import smtp_redirect_handler
from smtp_redirect_handler import MAX_QUERY, Handover, handle_request
from tests.platform.pages import get

STATE = "7:a-nonce"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The app's own folder, here a temporary one."""
    monkeypatch.setattr(smtp_redirect_handler, "FOLDER", tmp_path)
    return tmp_path


@pytest.fixture
def handover() -> Handover:
    handover = Handover("7")
    handover.expect(STATE, seconds=60)
    return handover


def test_what_the_browser_brings_reaches_the_run_that_waits(handover: Handover) -> None:
    assert handover.take() is None
    response = handle_request(get(state=STATE, code="the code&=+", iss="https://id.example"), ["asset"])
    assert response.status_code == 200
    assert response.content.startswith(b"You are signed in")
    query = handover.take()
    assert query is not None
    assert parse_qs(query) == {"state": [STATE], "code": ["the code&=+"], "iss": ["https://id.example"]}


def test_the_page_is_plain_text_and_shows_nothing_of_the_request(handover: Handover) -> None:
    mark = "<img src=x onerror=alert(1)>"
    for fields in (
        {"state": STATE, "code": mark},
        {"state": mark, "error": mark, "error_description": mark},
        {"state": f"7:{mark}", "code": mark},
    ):
        response = handle_request(get(**fields), [mark])
        assert response.headers["Content-Type"] == "text/plain"
        assert b"onerror" not in response.content
        assert b"nonce" not in response.content


def test_the_file_is_the_owners_alone_and_holds_neither_state_nor_anything_secret(
    handover: Handover, folder: Path
) -> None:
    (file,) = folder.iterdir()
    assert file.name == "7_state.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "nonce" not in file.read_text()
    handle_request(get(state=STATE, code="c"), [])
    assert [path.name for path in folder.iterdir()] == ["7_state.json"]
    assert file.stat().st_mode & 0o777 == 0o600
    handover.end()
    handover.end()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "state",
    [
        *("", "7", "7:", ":", "7:another", "8:a-nonce", "7:a-nonce2", "7:A-NONCE", "٧:a-nonce", "state"),
        *("../7:a-nonce", "7/../7:a-nonce", "7\x00:a-nonce", "\udcff:x", "7:\udcff", "." * 5000),
    ],
)
def test_another_state_is_refused_and_the_wait_goes_on(handover: Handover, state: str, folder: Path) -> None:
    before = (folder / "7_state.json").read_text()
    response = handle_request(SimpleNamespace(GET={"state": state, "code": "stolen"}), [])
    assert response.status_code == 400
    assert b"not begun here" in response.content
    assert [path.name for path in folder.iterdir()] == ["7_state.json"]
    assert (folder / "7_state.json").read_text() == before


def test_a_request_without_a_state_is_refused(handover: Handover) -> None:
    assert handle_request(get(code="stolen"), []).status_code == 400
    assert handle_request(get(), []).status_code == 400
    assert handover.take() is None


def test_the_state_can_be_used_once(handover: Handover) -> None:
    assert handle_request(get(state=STATE, code="first"), []).status_code == 200
    assert handle_request(get(state=STATE, code="second"), []).status_code == 400
    assert "first" in str(handover.take())


def test_nobody_waits_any_more(handover: Handover, folder: Path) -> None:
    handover.end()
    assert handle_request(get(state=STATE, code="late"), []).status_code == 400
    assert list(folder.iterdir()) == []


def test_a_browser_that_comes_too_late_is_refused(handover: Handover) -> None:
    handover.expect(STATE, seconds=-1)
    assert handle_request(get(state=STATE, code="late"), []).status_code == 400
    assert handover.take() is None


def test_an_answer_that_is_far_too_large_is_refused(handover: Handover) -> None:
    assert handle_request(get(state=STATE, code="x" * MAX_QUERY), []).status_code == 400
    assert handover.take() is None


def test_the_providers_refusal_reaches_the_run_that_waits_for_the_reason(handover: Handover) -> None:
    response = handle_request(get(state=STATE, error="access_denied", error_description="No."), [])
    assert response.status_code == 401
    assert b"test connectivity says why" in response.content
    assert parse_qs(handover.take() or "")["error_description"] == ["No."]


def test_an_injected_error_neither_ends_the_wait_nor_is_shown(handover: Handover) -> None:
    response = handle_request(get(state="7:guessed", error="access_denied", error_description="phish"), [])
    assert response.status_code == 400
    assert b"phish" not in response.content
    assert handover.take() is None


def test_a_field_that_is_there_twice_stays_there_twice(handover: Handover) -> None:
    handle_request(get(state=STATE, code=["one", "two"]), [])
    assert parse_qs(handover.take() or "")["code"] == ["one", "two"]


DAMAGED = ("", "{", "[]", '"text"', "null", "{}", '{"state": null}', '{"query": 5}', '{"state": "\u00e9"}')
ALMOST = json.dumps({"state": hashlib.sha256(STATE.encode()).hexdigest(), "expires_at": "later"})


@pytest.mark.parametrize("content", [*DAMAGED, ALMOST])
def test_a_damaged_file_is_nobody_waiting(folder: Path, content: str) -> None:
    (folder / "7_state.json").write_text(content)
    assert Handover("7").take() is None
    assert handle_request(get(state=STATE, code="c"), []).status_code == 400


def test_a_folder_that_can_not_be_written_to_is_said(
    handover: Handover, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(smtp_redirect_handler, "NamedTemporaryFile", full)
    response = handle_request(get(state=STATE, code="c"), [])
    assert response.status_code == 500
    assert b"could not be told" in response.content


def test_nothing_half_written_is_left_or_seen(
    handover: Handover, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        json, "dump", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    assert handle_request(get(state=STATE, code="c"), []).status_code == 500
    assert [path.name for path in folder.iterdir()] == ["7_state.json"]
    assert handover.take() is None


@pytest.mark.parametrize("asset_id", ["", "../7", "7/8", "7.", "7\x00", "٧", "a b", "7\n"])
def test_an_id_that_could_name_another_file_is_refused(asset_id: str) -> None:
    with pytest.raises(ValueError, match="letters and digits"):
        Handover(asset_id)


def test_each_asset_has_its_own_wait(handover: Handover) -> None:
    other = Handover("8")
    other.expect("8:other", seconds=60)
    handle_request(get(state="8:other", code="c"), [])
    assert handover.take() is None
    assert other.take() is not None


def test_a_later_sign_in_replaces_the_one_before(handover: Handover) -> None:
    handover.expect("7:newer", seconds=60)
    assert handle_request(get(state=STATE, code="old"), []).status_code == 400
    assert handle_request(get(state="7:newer", code="new"), []).status_code == 200


def test_the_time_of_the_wait_is_the_runs(handover: Handover, folder: Path) -> None:
    expires_at = json.loads((folder / "7_state.json").read_text())["expires_at"]
    assert 50 < expires_at - time.time() <= 60

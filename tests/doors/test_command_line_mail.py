"""The command line with the real connector against a real mail server: what arrives, what is said, what is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from doors.cli.command_line import main
from host.local.home import HOME_VARIABLE, Home
from smtp_connector import POOL, act
from tests.support.authority import authority
from tests.support.catcher import Catcher

PASSWORD = "canary-password"
MAIL = {"to": "jane@example.com", "subject": "Grüße", "body": "Hello\n"}


@pytest.fixture(scope="module")
def server() -> Iterator[Catcher]:
    with Catcher("starttls", logins={"soc@example.com": PASSWORD}) as running:
        yield running


@pytest.fixture
def asset(server: Catcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "data"))
    path = tmp_path / "asset.json"
    path.write_text(
        json.dumps(
            {
                "server": server.host,
                "port": server.port,
                "username": "soc@example.com",
                "password": PASSWORD,
                "ca_bundle": authority().pem,
            }
        )
    )
    return path


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*argv: str) -> tuple[int, Any, str]:
        code = main(argv, POOL)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert PASSWORD not in out + err
        return code, json.loads(out) if out else None, err

    return run


def test_a_mail_arrives(call: Any, asset: Path, server: Catcher) -> None:
    code, result, err = call("run", "send email", "--asset", str(asset), "--params", json.dumps(MAIL))
    assert (code, result["status"], result["message"]) == (0, "success", "Email sent")
    mail = server.messages[-1]
    assert (mail.mail_from, mail.rcpt_tos, mail.username) == (
        "soc@example.com",
        ("jane@example.com",),
        "soc@example.com",
    )
    message = BytesParser(policy=policy.default).parsebytes(mail.content)
    assert (message["Subject"], message.get_content().splitlines()) == ("Grüße", ["Hello"])
    assert "Connecting to" in err


def test_a_file_of_the_vault_arrives_with_the_mail(
    call: Any, asset: Path, server: Catcher, tmp_path: Path
) -> None:
    (tmp_path / "evidence.bin").write_bytes(b"\0evidence\r\n")
    _, added, _ = call("vault", "add", str(tmp_path / "evidence.bin"), "--container", "7")
    params = json.dumps({**MAIL, "attachments": added["vault_id"]})
    code, result, _ = call("run", "send_email", "--asset", str(asset), "--params", params, "--container", "7")
    assert code == 0
    assert result["result_data"][0]["data"][0]["attachments"][0]["name"] == "evidence.bin"
    (part,) = BytesParser(policy=policy.default).parsebytes(server.messages[-1].content).iter_attachments()
    assert part.get_content() == b"\0evidence\r\n"


def test_parameter_sets_share_one_login(call: Any, asset: Path, server: Catcher) -> None:
    before = len(server.messages)
    code, result, err = call("run", "send email", "--asset", str(asset), "--params", json.dumps([MAIL] * 5))
    assert (code, result["result_summary"]["total_objects_successful"]) == (0, 5)
    assert len(server.messages) - before == 5
    assert err.count("Connecting to") == 1


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"to": "no address", "body": "x"}, "'no address'"),
        ({"to": "jane@example.com"}, "body: missing"),
        ({"to": "jane@example.com", "body": "x", "cc": 5}, "cc: 5"),
        ({"to": "jane@example.com", "body": "x", "boddy": "y"}, "did you mean body?"),
        ({"to": "jane@example.com", "body": "x", "attachments": "a" * 40}, "a" * 40),
        ({"to": "jane@example.com", "body": "x", "headers": "{"}, "headers"),
    ],
)
def test_bad_parameters_are_a_failed_result_and_send_nothing(
    call: Any, asset: Path, server: Catcher, parameters: dict[str, Any], said: str
) -> None:
    before = len(server.messages)
    code, result, _ = call("run", "send email", "--asset", str(asset), "--params", json.dumps(parameters))
    assert (code, result["status"]) == (1, "failed")
    assert said in result["message"]
    assert result["result_data"][0]["data"][0]["outcome"] == "not sent"
    assert len(server.messages) == before


def test_a_vault_file_that_changed_stops_the_mail(
    call: Any, asset: Path, server: Catcher, tmp_path: Path
) -> None:
    (tmp_path / "evidence").write_bytes(b"whole")
    _, added, _ = call("vault", "add", str(tmp_path / "evidence"))
    Path(added["path"]).write_bytes(b"cut")
    before = len(server.messages)
    params = json.dumps({**MAIL, "attachments": added["vault_id"]})
    code, result, _ = call("run", "send email", "--asset", str(asset), "--params", params)
    assert code == 1
    assert "has changed: 3 octets now, 5 when it was added" in result["message"]
    assert len(server.messages) == before


def test_with_a_damaged_store_nothing_is_sent(call: Any, asset: Path, server: Catcher) -> None:
    home = Home()
    home.assets.add("x", {})
    (home.folder / "store.db").write_bytes(b"damaged" * 1000)
    before = len(server.messages)
    code, result, err = call("run", "send email", "--asset", str(asset), "--params", json.dumps(MAIL))
    assert (code, result) == (2, None)
    assert "store.db is damaged" in err
    assert len(server.messages) == before


def test_a_wrong_password_is_never_shown_or_kept(call: Any, asset: Path) -> None:
    config = json.loads(asset.read_text())
    asset.write_text(json.dumps({**config, "password": f"{PASSWORD}-wrong"}))
    code, result, _ = call("run", "send email", "--asset", str(asset), "--params", json.dumps(MAIL))
    assert (code, result["result_data"][0]["data"][0]["failure"]["step"]) == (1, "AUTH")
    kept = b"".join(path.read_bytes() for path in Home().folder.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in kept


def test_test_connectivity_of_a_stored_asset(call: Any, asset: Path, server: Catcher) -> None:
    call("asset", "add", "prod", "--config", str(asset))
    code, result, err = call("asset", "test", "prod")
    assert (code, result["status"]) == (0, "success")
    assert "TLSv1" in err
    assert server.messages[-1].rcpt_tos == ("soc@example.com",)


def test_a_playbook_sends_the_same_way(asset: Path, server: Catcher) -> None:
    results = act(
        "send htmlemail", parameters=[{"to": "a@example.com", "html_body": "<p>x</p>"}], asset=str(asset)
    )
    assert (results.success, results[0].outcome) == (True, "sent")
    assert server.messages[-1].rcpt_tos == ("a@example.com",)

"""An asset's rules about whom it may write to hold for what comes through the relay too."""

from __future__ import annotations

import smtplib
from pathlib import Path

import pytest

from tests.doors.relay.test_command import refused
from tests.support.relays import PATIENCE, RunningRelay, asset_file
from tests.support.scripted import ScriptedServer

MAIL = b"From: a@x.test\r\nSubject: hi\r\n\r\nHello\r\n"


def test_who_may_not_be_written_to_is_refused_and_the_others_have_it(tmp_path: Path) -> None:
    rules = {"allowed_recipients": "x.test", "denied_recipients": "ceo@*", "max_recipients": 2}
    with (
        ScriptedServer() as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port, **rules)) as relay,
        smtplib.SMTP("127.0.0.1", relay.port, timeout=PATIENCE) as client,
    ):
        answers = client.sendmail(
            "a@x.test", ["eve@evil.test", "ceo@x.test", "b@x.test", "c@x.test", "d@x.test"], MAIL
        )
    assert {address: code for address, (code, _) in answers.items()} == {
        "eve@evil.test": 550,
        "ceo@x.test": 550,
        "d@x.test": 550,
    }
    assert [one.recipients for one in server.log.accepted] == [("b@x.test", "c@x.test")]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"redirect_to": "t@x.test"},
            "The asset has redirect_to, and what goes through a relay can't be sent elsewhere.",
        ),
        ({"allowed_recipients": "a b"}, "allowed_recipients can't be used: 'a b' is no pattern"),
    ],
)
def test_rules_that_can_not_be_kept_keep_the_relay_from_starting(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, fields: dict[str, str], said: str
) -> None:
    code, text = refused(
        capsys, "--asset", asset_file(tmp_path, port=25, **fields), "--listen", "127.0.0.1:0"
    )
    assert code == 2
    assert said in text

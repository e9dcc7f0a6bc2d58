"""A mailbox's mails a minute: who is too fast is told at once for how long."""

from __future__ import annotations

from pathlib import Path

import pytest

from auth.settings import Login
from delivery.asset import Asset
from delivery.attempt import Attempt
from delivery.pace import Wait
from doors.relay.pace import TooFast, take_turn, with_known_pace
from tests.support.relays import RunningRelay, Talk, asset_file
from tests.support.scripted import ScriptedServer, Settings


class Never:
    """A pace that lets nothing leave."""

    def __init__(self, wait: Wait) -> None:
        self._wait = wait

    def turn(self, asset: Asset, recipients: int) -> Wait | None:
        return self._wait

    def ended(self, asset: Asset, attempt: Attempt) -> None:
        """It learns nothing."""

    def is_over(self) -> bool:
        return False


def of(server: str, per_minute: int = 0, username: str = "ann") -> Asset:
    return Asset(Login("1", server, 587, username=username), "StartTLS", messages_per_minute=per_minute)


def test_who_is_too_fast_is_told_for_how_long() -> None:
    for seconds, told in ((0.2, "in 1 second"), (7.6, "in 8 seconds"), (None, "later")):
        with pytest.raises(TooFast) as refused:
            take_turn(Never(Wait(seconds, "slowly")), of("x.test", 1))
        assert refused.value.text == f"slowly; try again {told}"


def test_only_an_account_with_limits_is_counted() -> None:
    take_turn(Never(Wait(1, "slowly")), of("x.test"))
    take_turn(Never(Wait(1, "slowly")), of("x.test", 1, username=""))


def test_microsofts_mailboxes_have_a_pace_and_what_the_asset_says_wins() -> None:
    assert with_known_pace(of("SMTP.office365.com.")).messages_per_minute == 30
    assert with_known_pace(of("smtp.office365.com", 5)).messages_per_minute == 5
    assert with_known_pace(of("mail.x.test")).messages_per_minute == 0


def test_a_client_is_told_to_come_again_and_never_hangs(tmp_path: Path) -> None:
    settings = Settings(auth=("PLAIN",), logins={"ann": "pw"})
    with ScriptedServer(settings) as server:
        asset = asset_file(tmp_path, port=server.port, username="ann", password="pw", messages_per_minute=6)
        with RunningRelay(asset=asset) as relay, Talk(relay.port) as client:
            envelope = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n"
            assert client.codes(envelope, 4) == ["250", "250", "354", "250"]
            refused = client.say("MAIL FROM:<a@x.test>")
            assert refused.startswith("451 4.7.0 ")
            assert "6 messages a minute; try again in " in refused
    assert len(server.log.accepted) == 1


def test_who_finds_all_connections_in_use_is_told_so_after_a_while(tmp_path: Path) -> None:
    settings = Settings(auth=("PLAIN",), logins={"ann": "pw"})
    with ScriptedServer(settings) as server:
        asset = asset_file(tmp_path, port=server.port, username="ann", password="pw", max_connections=1)
        with RunningRelay(asset=asset) as relay, Talk(relay.port) as first, Talk(relay.port) as second:
            assert first.say("MAIL FROM:<a@x.test>").startswith("250")
            assert second.say("MAIL FROM:<a@x.test>").startswith("451 4.4.1 ")
            assert first.say("RSET").startswith("250")
            assert second.say("MAIL FROM:<a@x.test>").startswith("250")
        assert server.log.connections == 1

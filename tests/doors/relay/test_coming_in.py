"""Who may come in, TLS on the way in, and how the relay ends."""

from __future__ import annotations

import base64
import os
import re
import smtplib
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from doors.relay.accounts import Accounts, made
from doors.relay.admission import Admission, network
from doors.relay.limits import Limits
from host.local.inputs import InputError
from tests.support.authority import authority
from tests.support.relays import PATIENCE, RunningRelay, Talk, asset_file
from tests.support.scripted import ScriptedServer, Settings

MAIL = b"Subject: x\r\n\r\nx\r\n"
ENVELOPE = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n"
PASSWORD = "account-canary"


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("accounts") / "accounts"
    path.write_text(f"# who may send\n\n{made('ann', PASSWORD)}\n")
    return str(path)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("certificate") / "relay.pem"
    issued = authority().issue("localhost", "127.0.0.1")
    path.write_bytes(issued.private_key_and_cert_chain_pem.bytes())
    return str(path)


def test_an_account_logs_in_and_nobody_sends_without(accounts: str, tmp_path: Path) -> None:
    with (
        ScriptedServer() as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port), accounts=accounts) as relay,
    ):
        with smtplib.SMTP("127.0.0.1", relay.port, timeout=PATIENCE) as client:
            with pytest.raises(smtplib.SMTPSenderRefused) as refused:
                client.sendmail("a@x.test", ["b@x.test"], MAIL)
            assert refused.value.smtp_code == 530
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login("ann", "wrong-canary")
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login("bob", PASSWORD)
            client.login("ann", PASSWORD)
            assert client.sendmail("a@x.test", ["b@x.test"], MAIL) == {}
        for canary in (PASSWORD, "wrong-canary", base64.b64encode(f"\0ann\0{PASSWORD}".encode()).decode()):
            assert canary not in relay.heard.text
    assert b"with ESMTPA id" in server.log.accepted[0].content


def test_each_mechanism_of_an_account(accounts: str, tmp_path: Path) -> None:
    with (
        ScriptedServer() as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port), accounts=accounts) as relay,
    ):
        plain = base64.b64encode(f"\0ann\0{PASSWORD}".encode()).decode()
        name, password = (base64.b64encode(text.encode()).decode() for text in ("ann", PASSWORD))
        for dialogue in (
            [(f"AUTH PLAIN {plain}", "235")],
            [("AUTH PLAIN", "334 "), (plain, "235")],
            [("AUTH LOGIN", "334 VXNlcm5hbWU6"), (name, "334 UGFzc3dvcmQ6"), (password, "235")],
            [(f"AUTH LOGIN {name}", "334 UGFzc3dvcmQ6"), (password, "235")],
            [("AUTH LOGIN", "334"), ("*", "501"), ("NOOP", "250")],
            [("AUTH PLAIN !!!", "501"), ("AUTH XOAUTH2 dXNlcj0=", "504"), ("NOOP", "250")],
        ):
            with Talk(relay.port) as client:
                assert client.say("EHLO me.test").endswith("AUTH PLAIN LOGIN")
                for line, answer in dialogue:
                    assert client.say(line).startswith(answer)


def test_what_is_pipelined_behind_a_login_waits_for_it(accounts: str, tmp_path: Path) -> None:
    with (
        ScriptedServer() as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port), accounts=accounts) as relay,
        Talk(relay.port) as client,
    ):
        wrong = base64.b64encode(b"\0ann\0wrong").decode()
        codes = client.codes(f"AUTH PLAIN {wrong}\r\n".encode() + ENVELOPE + b"DATA\r\n", 4)
        assert codes == ["535", "530", "503", "503"]
    assert server.log.accepted == []


def test_a_network_comes_before_the_accounts(accounts: str, tmp_path: Path) -> None:
    with ScriptedServer() as server:
        asset = asset_file(tmp_path, port=server.port)
        with (
            RunningRelay(asset=asset, accounts=accounts, allow=["127.0.0.0/8"]) as relay,
            Talk(relay.port) as client,
        ):
            assert client.say("MAIL FROM:<a@x.test>").startswith("250")
        with (
            RunningRelay(asset=asset, accounts=accounts, allow=["192.0.2.0/24"]) as relay,
            Talk(relay.port) as client,
        ):
            assert client.say("MAIL FROM:<a@x.test>").startswith("530")
        with RunningRelay(asset=asset, allow=["192.0.2.0/24"]) as relay, Talk(relay.port) as client:
            assert client.banner.startswith("554 5.7.1 ")
            assert client.is_closed


def test_addresses_are_within_networks_whatever_their_form() -> None:
    rules = Admission((network("10.0.0.0/8"), network("2001:db8::/32")))
    for peer in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7"):
        assert rules.is_trusted(peer)
    for peer in ("127.0.0.1", "11.0.0.1", "::1"):
        assert not rules.may_connect(peer)
    assert Admission().is_trusted("127.0.0.1")
    assert not Admission().may_connect("192.0.2.1")


def test_a_login_waits_for_tls_where_there_is_a_certificate(
    accounts: str, certificate: str, tmp_path: Path
) -> None:
    with (
        ScriptedServer() as server,
        RunningRelay(
            asset=asset_file(tmp_path, port=server.port), accounts=accounts, tls_cert=certificate
        ) as relay,
    ):
        with Talk(relay.port) as client:
            offers = client.say("EHLO me.test")
            assert "STARTTLS" in offers
            assert "AUTH" not in offers
            assert client.say("AUTH PLAIN AGEAYg==").startswith("538 ")
        with smtplib.SMTP("localhost", relay.port, timeout=PATIENCE) as secure:
            secure.starttls(context=ssl.create_default_context(cadata=authority().pem))
            secure.login("ann", PASSWORD)
            assert secure.sendmail("a@x.test", ["b@x.test"], MAIL) == {}
            assert "starttls" not in secure.esmtp_features
    assert b"with ESMTPSA id" in server.log.accepted[0].content


@pytest.mark.parametrize(
    "text", ["ann", "ann:plain", ":$argon2id$x", "a:$argon2id$x\na:$argon2id$y", "# nobody\n", ""]
)
def test_a_file_of_accounts_that_is_none_is_refused_without_its_content(text: str, tmp_path: Path) -> None:
    path = tmp_path / "accounts"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        Accounts.read(path)
    assert "argon2id" not in str(refused.value)


def test_a_stopped_relay_ends_the_mail_that_is_under_way_and_takes_no_new_one(tmp_path: Path) -> None:
    with (
        ScriptedServer() as server,
        RunningRelay(
            asset=asset_file(tmp_path, port=server.port), limits=Limits(drain_seconds=PATIENCE)
        ) as relay,
        Talk(relay.port) as busy,
        Talk(relay.port) as idle,
    ):
        assert busy.codes(ENVELOPE + b"DATA\r\n", 3) == ["250", "250", "354"]
        stopped: list[int] = []
        stopping = threading.Thread(target=lambda: stopped.append(relay.stop()))
        stopping.start()
        assert idle.reply().startswith("421 4.3.2 ")
        assert idle.is_closed
        assert busy.codes(MAIL + b".\r\n", 1) == ["250"]
        assert busy.reply().startswith("421 4.3.2 ")
        stopping.join(PATIENCE)
        assert stopped == [0]
    assert len(server.log.accepted) == 1


def test_a_client_that_does_not_end_is_cut_off_and_its_mail_is_not_sent(tmp_path: Path) -> None:
    with (
        ScriptedServer(Settings(chunking=False)) as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port), limits=Limits(drain_seconds=0.3)) as relay,
        Talk(relay.port) as busy,
    ):
        assert busy.codes(ENVELOPE + b"DATA\r\n", 3) == ["250", "250", "354"]
        busy.send(MAIL)
        relay.stop()
    assert server.log.accepted == []


def test_thirty_megabytes_go_through_at_flat_memory(tmp_path: Path) -> None:
    """By the kernel's account of a process of its own."""
    root = Path(__file__).resolve().parents[3]
    line = b"x" * 76 + b"\r\n"
    message = MAIL + line * (30 * 1024 * 1024 // len(line))
    with ScriptedServer() as server:
        command = [
            sys.executable,
            str(root / "smtp_connector.py"),
            "relay",
            "--listen",
            "127.0.0.1:0",
            "--asset",
        ]
        with subprocess.Popen(
            [*command, asset_file(tmp_path, port=server.port)],
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        ) as process:
            assert process.stderr is not None
            port = re.search(r":(\d+) for", process.stderr.readline())
            assert port is not None

            def resident() -> int:
                found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
                assert found is not None
                return int(found[1])

            with smtplib.SMTP("127.0.0.1", int(port[1]), timeout=PATIENCE) as client:
                client.sendmail("a@x.test", ["b@x.test"], MAIL)
                before = resident()
                client.sendmail("a@x.test", ["b@x.test"], message)
                grown = resident() - before
            process.terminate()
    assert grown < 6 * 1024
    assert server.log.accepted[1].content.endswith(message)

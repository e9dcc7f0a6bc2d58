"""Much at once: a 30 MB attachment, 200 recipients of which some are refused, limits of the server."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from host.local.home import Home
from tests.real.certificates import Certificates
from tests.real.connector import act, asset
from tests.real.people import ALICE, BOB, CROWD, REFUSED
from tests.real.postfix import SIZE_LIMIT, Postfix, Service
from tests.real.services import FIFTY_AT_MOST, RELAY, TLS_MODES

MEGABYTE = 1_000_000


def _file(folder: Path, size: int) -> Path:
    """Octets that no coding can shorten, the same each time."""
    path = folder / "large.bin"
    path.write_bytes(random.Random(size).randbytes(size))
    return path


@pytest.mark.parametrize("without", [(), ("chunking", "pipelining")], ids=["bdat", "data"])
@pytest.mark.parametrize("tls", TLS_MODES)
def test_thirty_megabytes_arrive_byte_for_byte(
    postfix: Postfix,
    certificates: Certificates,
    home: Home,
    tmp_path: Path,
    tls: str,
    without: tuple[str, ...],
) -> None:
    path = _file(tmp_path, 30 * MEGABYTE)
    vault_id = home.vault.add(path, "", "evidence.bin").vault_id
    parameters = {"to": f"{ALICE}, {BOB}", "subject": "Large", "body": "See it.", "attachments": vault_id}
    service = Service(tls=tls, without=without)
    run = act("send_email", asset(postfix.port(service), tls, certificates), parameters)
    assert run.succeeded, run.message
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert run.data["attachments"] == [
        {"vault_id": vault_id, "name": "evidence.bin", "size": 30 * MEGABYTE, "sha256": digest}
    ]
    for recipient in (ALICE, BOB):
        delivered = postfix.mailboxes.wait_for(recipient, run.data["message_id"])
        assert len(delivered.content) == run.data["size"]
        _, (_, name, content) = delivered.parts
        assert name == "evidence.bin"
        assert hashlib.sha256(content).hexdigest() == digest


def test_what_is_over_the_servers_limit_is_not_even_begun(
    postfix: Postfix, certificates: Certificates, home: Home, tmp_path: Path
) -> None:
    vault_id = home.vault.add(_file(tmp_path, 46 * MEGABYTE), "", "too-large.bin").vault_id
    before = len(postfix.sessions(RELAY))
    parameters = {"to": ALICE, "subject": "Too large", "body": "See it.", "attachments": vault_id}
    run = act("send_email", asset(postfix.port(RELAY), "plain", certificates), parameters)
    assert not run.succeeded
    assert run.data["outcome"] == "not sent"
    assert str(SIZE_LIMIT) in run.result["message"].replace(",", "")
    session = postfix.next_session(RELAY, before)
    assert "rcpt" not in session
    assert "bdat" not in session


@pytest.mark.parametrize("without", [(), ("pipelining",), ("chunking", "pipelining")], ids="-".join)
def test_two_hundred_recipients_some_of_them_refused(
    postfix: Postfix, certificates: Certificates, without: tuple[str, ...]
) -> None:
    service = Service(without=without)
    parameters = {
        "to": ", ".join(CROWD[:100]),
        "bcc": list(CROWD[100:]),
        "subject": "To everybody",
        "body": "Hello all",
    }
    run = act("send_email", asset(postfix.port(service), "plain", certificates), parameters)
    accepted = [address for address in CROWD if address not in REFUSED]
    assert run.succeeded, run.message
    assert run.data["outcome"] == "partly sent"
    assert run.result["summary"] == {"recipients": 200, "accepted": len(accepted), "refused": len(REFUSED)}
    assert [(r["address"], r["status"]) for r in run.data["recipients"]] == [
        (address, "refused" if address in REFUSED else "accepted") for address in CROWD
    ]
    assert all(r["code"] == 550 and r["enhanced_code"] == "5.1.6" for r in run.data["recipients"][::9])
    for address in accepted:
        delivered = postfix.mailboxes.wait_for(address, run.data["message_id"])
        assert delivered.added["delivered-to"] == address
        assert len(delivered.message["To"].addresses) == 100
        assert CROWD[150].encode() not in delivered.content


def test_recipients_beyond_the_servers_limit_get_it_in_further_transactions(
    postfix: Postfix, certificates: Certificates
) -> None:
    accepted = [address for address in CROWD if address not in REFUSED]
    before = len(postfix.sessions(FIFTY_AT_MOST))
    parameters = {"to": ALICE, "bcc": list(CROWD), "subject": "Four times", "body": "Hello all"}
    run = act("send_email", asset(postfix.port(FIFTY_AT_MOST), "plain", certificates), parameters)
    assert run.succeeded, run.message
    assert run.result["summary"] == {
        "recipients": 201,
        "accepted": 1 + len(accepted),
        "refused": len(REFUSED),
    }
    for address in (ALICE, *accepted):
        postfix.mailboxes.wait_for(address, run.data["message_id"])
    assert int(postfix.next_session(FIFTY_AT_MOST, before)["mail"]) >= 4

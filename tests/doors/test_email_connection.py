"""EmailConnection: what is asked of it becomes a mail, and what became of it a reply."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.mime.text import MIMEText
from pathlib import Path
from typing import Any

import pytest

from smtp_connector import EmailConnection, MultipartBody, Request, SendFailed, load_config
from tests.doors.test_email_config import CUSTOM, FIRST, SECOND
from tests.host.processes import ROOT
from tests.support.authority import authority
from tests.support.catcher import Catcher, Caught, Offer
from tests.support.java_store import trust_store
from tests.support.mail import sound
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings
from tests.support.scripted.settings import Step

YOU, ME = "you@projectzero.org", "me@projectzero.org"


@pytest.fixture
def server() -> Iterator[Catcher]:
    # Neither 8BITMIME nor SMTPUTF8: whatever is asked for has to be fit for every server.
    with Catcher(offer=Offer(eight_bit=False, smtputf8=False)) as catcher:
        yield catcher


def at(server: Any) -> dict[str, Any]:
    return {"hostname": server.host, "port": server.port}


def only(server: Catcher) -> Caught:
    (caught,) = server.messages
    sound(caught)
    return caught


def mail(server: Catcher) -> EmailMessage:
    message = message_from_bytes(only(server).content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def send(server: Any, body: object = "x", **headers: Any) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(f"smtp://{YOU}", headers=named, body=body, config=at(server)).send().body


def test_the_documentations_example_sends_a_mail(server: Catcher) -> None:
    email = EmailConnection("you@projectzero.org", config=at(server))
    email.set_from_address("me@projectzero.org")
    email.set_subject("Hello you!")
    email.set_content("This is the e-mail body.")
    assert email.send() == "250 2.0.0 OK: queued as CAUGHT"
    message = mail(server)
    assert (only(server).mail_from, only(server).rcpt_tos) == (ME, (YOU,))
    assert (message["From"], message["To"], message["Subject"]) == (ME, YOU, "Hello you!")
    assert message["Content-Type"] == 'text/plain; charset="UTF-8"'
    assert message.get_content().rstrip() == "This is the e-mail body."


def test_attributes_do_the_same_and_the_target_may_be_a_url(server: Catcher) -> None:
    email = EmailConnection("smtp://you@projectzero.org", **at(server))
    email.from_address = ME
    email.subject, email.content = "Hello you!", "This is the e-mail body."
    email.send()
    assert only(server).rcpt_tos == (YOU,)
    assert email.result is not None
    assert email.result.outcome == "sent"


def test_a_request_has_a_response_with_the_reply_and_the_result(server: Catcher) -> None:
    response = Request(f"smtp://{YOU}", headers={"Subject": "s"}, body="b", config=at(server)).send()
    assert response.body == response.result.data[0]["server_reply"] == "250 2.0.0 OK: queued as CAUGHT"
    assert response.result.success


def stand_in(monkeypatch: pytest.MonkeyPatch, server: Catcher, name: str, port: int) -> None:
    """Let `server` be what this machine finds under a name, at the port that is to be asked for."""
    find = socket.getaddrinfo

    def found(host: bytes | str | None, asked: int, *rest: Any, **more: Any) -> list[Any]:
        if host == name.encode() and asked == port:
            return find(server.host, server.port, *rest, **more)
        raise socket.gaierror(socket.EAI_NONAME, "only the documentation's server is known here")

    monkeypatch.setattr(socket, "getaddrinfo", found)


def test_the_documentations_configuration_sends_in_clear_to_port_25(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Catcher
) -> None:
    path = tmp_path / "email.conf"
    path.write_text(FIRST)
    stand_in(monkeypatch, server, "smtp.projectzero.org", 25)
    email = EmailConnection("you@projectzero.org", config=load_config(path))
    email.set_from_address("me@projectzero.org")
    email.set_subject("Hello you!")
    email.set_content("This is the e-mail body.")
    email.send()
    caught = only(server)
    assert (caught.mail_from, caught.rcpt_tos, caught.username, caught.tls) == (ME, (YOU,), "", "")


def test_the_documentations_secure_configuration_logs_in_over_tls_at_port_465(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.write_text(authority().pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities))  # the system's
    path = tmp_path / "email.conf"
    path.write_text(SECOND)
    certificate = authority().server("smtp.projectzero.org")
    with Catcher("ssl", context=certificate, logins={"user1": "password1"}) as server:
        stand_in(monkeypatch, server, "smtp.projectzero.org", 465)
        EmailConnection(YOU, config=load_config(path)).send()
    caught = only(server)
    assert (caught.username, caught.mechanism, bool(caught.tls)) == ("user1", "PLAIN", True)


def test_the_documentations_trust_store_decides_who_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    path = tmp_path / "email.conf"
    path.write_text(FIRST + CUSTOM)
    config = load_config(path)
    with Catcher("ssl") as server:
        named = {"smtpsConfig": "mySmtpsConfig", **at(server)}
        (tmp_path / "config/truststore.jks").write_bytes(trust_store(authority().pem, "password"))
        EmailConnection(YOU, config=config, **named).send()
        with pytest.raises(SendFailed, match="certificate"):
            EmailConnection(YOU, config=config, **{**named, "smtpsConfig": "defaultConfig"}).send()
    assert len(server.messages) == 1


def test_the_client_shows_the_certificate_of_its_key_store(tmp_path: Path) -> None:
    authorities, own = tmp_path / "ca.pem", tmp_path / "own.pem"
    authorities.write_text(authority().pem)
    leaf = authority().issue("client.example.com")
    own.write_bytes(leaf.private_key_and_cert_chain_pem.bytes())
    path = tmp_path / "email.conf"
    path.write_text(
        '/config/connection/defaults/smtp/smtpsConfig = "mine"\n'
        '/config/connection/smtps/mine = {"trustStore": "ca.pem", "trustStoreType": "PEM",'
        ' "keyStore": "own.pem", "keyStoreType": "PEM"}\n'
    )
    with Catcher("ssl", context=authority().asks_for_client) as server:
        EmailConnection(YOU, config=load_config(path), **at(server)).send()
    assert len(server.messages) == 1


def test_verification_can_be_switched_off_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "email.conf"
    path.write_text('/config/connection/smtps/any = {"disableTrustVerification": true}\n')
    with Catcher("ssl") as server:
        EmailConnection(YOU, config=load_config(path), smtpsConfig="any", **at(server)).send()
    assert only(server).tls


def test_everybody_gets_it_and_the_primary_recipient_is_in_to(server: Catcher) -> None:
    send(server, To=["a@example.com", "b@example.com"], Cc="c@example.com", Bcc=["d@example.com"])
    assert only(server).rcpt_tos == (YOU, "a@example.com", "b@example.com", "c@example.com", "d@example.com")
    message = mail(server)
    assert message["To"] == f"{YOU}, a@example.com, b@example.com"
    assert (message["Cc"], message["Bcc"]) == ("c@example.com", None)


def test_without_a_sender_it_is_the_primary_recipient(server: Catcher) -> None:
    send(server)
    assert only(server).mail_from == mail(server)["From"] == YOU


def test_mailto_overrides_the_target(server: Catcher) -> None:
    EmailConnection("other@example.com", mailto=YOU, **at(server)).send()
    assert only(server).rcpt_tos == (YOU,)


def test_other_headers_go_as_they_are_one_field_for_each_value(server: Catcher) -> None:
    send(server, X_Tag=["one", "zwei — drei"], Reply_To="reply@example.com", Message_ID="<1@example.com>")
    message = mail(server)
    assert message.get_all("X-Tag") == ["one", "zwei — drei"]
    assert (message["Reply-To"], message["Message-ID"]) == ("reply@example.com", "<1@example.com>")


LATIN = "text/plain; charset=ISO-8859-1"


@pytest.mark.parametrize(
    ("body", "content_type", "octets"),
    [
        ("plain", "text/plain", b"plain"),
        ("Grüße", "", "Grüße".encode()),
        ("Grüße", LATIN, "Grüße".encode("latin-1")),
        ("Grüße", 'text/html; charset="utf-16"', "Grüße".encode("utf-16")),
        (io.StringIO("Grüße\nzwei"), LATIN, "Grüße\r\nzwei".encode("latin-1")),
        (b"\x00\xff\r\n.\r\n", "application/x-thing", b"\x00\xff\r\n.\r\n"),
        (io.BytesIO(b"octets"), "application/x-thing", b"octets"),
        ("x" * 5000, "text/plain", b"x" * 5000),
        (17.5, "text/plain", b"17.5"),
        (None, "text/plain", b""),
    ],
)
def test_bodies_arrive_as_they_were(server: Catcher, body: object, content_type: str, octets: bytes) -> None:
    send(server, body, Content_Type=content_type)
    message = mail(server)
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    is_text = not isinstance(body, bytes | io.BytesIO) and "utf-16" not in content_type
    assert (payload.rstrip(b"\r\n") if is_text else payload) == octets
    assert only(server).content.isascii()
    wanted = content_type or "text/plain; charset=UTF-8"
    assert message.get_content_type() == wanted.partition(";")[0]


def test_of_several_content_types_the_first_counts(server: Catcher) -> None:
    send(server, "ü", Content_Type=[LATIN, "text/html"])
    assert mail(server).get_content_type() == "text/plain"


def test_a_stream_that_can_not_be_read_twice_is_sent_too(server: Catcher) -> None:
    reading, writing = os.pipe()
    content = os.urandom(300_000)

    def write() -> None:
        with open(writing, "wb") as pipe:  # noqa: PTH123 - it is a descriptor
            pipe.write(content)

    thread = threading.Thread(target=write)
    thread.start()
    with open(reading, "rb") as pipe:  # noqa: PTH123
        send(server, pipe, Content_Type="application/octet-stream")
    thread.join()
    assert mail(server).get_payload(decode=True) == content


def test_a_multipart_body_is_encoded_and_its_mime_headers_replace_those_given(
    server: Catcher, tmp_path: Path
) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF\xff")
    body = MultipartBody(text="Grüße", html="<b>Grüße</b>", attachments=[path])
    body.add_attachment(b"a,b", name="tabelle ü.txt", content_type="text/csv")
    send(server, body, Content_Type="text/plain", MIME_Version="2.0", Content_Transfer_Encoding="7bit")
    message = mail(server)
    assert message.get_all("MIME-Version") == ["1.0"]
    assert message.get_content_type() == "multipart/mixed"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert isinstance(text, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert (text.get_content().strip(), html.get_content().strip()) == ("Grüße", "<b>Grüße</b>")
    files = [
        (one.get_filename(), one.get_content_type(), one.get_payload(decode=True))
        for one in message.iter_attachments()
    ]
    assert files == [
        ("report.pdf", "application/pdf", b"%PDF\xff"),
        ("tabelle ü.txt", "text/csv", b"a,b"),
    ]


def test_attachments_are_added_to_the_content(server: Catcher, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("lines")
    email = EmailConnection(YOU, **at(server))
    email.content = "see there"
    email.add_attachment(path)
    email.add_attachment(b"more", "more.bin")
    email.add_attachment(b"unnamed")
    email.send()
    message = mail(server)
    assert [one.get_filename() for one in message.iter_attachments()] == ["log.txt", "more.bin", "attachment"]
    body = message.get_body(("plain",))
    assert isinstance(body, EmailMessage)
    assert body.get_content().strip() == "see there"


def test_a_multipart_body_takes_paths_octets_and_either_with_a_name(server: Catcher, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("lines")
    files = [path, ("renamed.txt", path), ("more.bin", b"more"), b"unnamed"]
    send(server, MultipartBody(text="see there", attachments=files))
    names = [one.get_filename() for one in mail(server).iter_attachments()]
    assert names == ["log.txt", "renamed.txt", "more.bin", "attachment"]


def test_what_can_not_be_attached_is_named(server: Catcher, tmp_path: Path) -> None:
    missing = tmp_path / "missing.txt"
    with pytest.raises(ValueError, match=f"{missing} can't be attached: No such file"):
        send(server, MultipartBody(text="x", attachments=[missing]))
    with pytest.raises(ValueError, match="A dict can't be attached: give a path or octets"):
        MultipartBody(text="x", attachments=[{}])  # type: ignore[list-item] # as a program without types may
    assert not server.messages


ENCODED = b"--b\r\nContent-Type: text/plain\r\n\r\nas it is\r\n.\r\n--b--\r\n"


def test_what_is_encoded_already_is_not_touched(server: Catcher) -> None:
    send(server, ENCODED, MIME_Version="1.0", Content_Type="multipart/mixed; boundary=b")
    assert only(server).content.endswith(b"\r\n\r\n" + ENCODED)
    assert mail(server)["Content-Type"] == 'multipart/mixed; boundary="b"'


def test_without_a_mime_version_the_same_is_encoded(server: Catcher) -> None:
    send(server, ENCODED, Content_Type="application/x-mixed")
    assert mail(server).get_payload(decode=True) == ENCODED


def test_a_message_of_pythons_own_is_a_body(server: Catcher) -> None:
    send(server, MIMEText("Grüße", "html", "utf-8"), Subject="ours", Content_Type="text/plain")
    message = mail(server)
    assert (message["Subject"], message.get_content_type()) == ("ours", "text/html")
    assert message.get_content() == "Grüße"


@pytest.mark.parametrize(
    ("headers", "body", "error"),
    [
        ({"To": "a@example.com, b@example.com"}, "x", "To: .* one bare address"),
        ({"Cc": ["Ann <a@example.com>"]}, "x", "Cc: .* one bare address"),
        ({"Bcc": ["no address"]}, "x", "Bcc: 'no address' is not an address"),
        ({"From": "no address"}, "x", "From"),
        ({"Content-Type": "text/plain"}, "ü", "us-ascii has not: name a charset"),
        ({"Content-Type": "text/plain; charset=klingon"}, "x", "the charset klingon is not known"),
        ({"Content-Type": "text/plain; charset=latin-1"}, "€", "characters that latin-1 has not"),
        ({"Content-Type": "nothing"}, "x", "is not a type such as"),
        ({"Content-Type": "text/plain\r\nBcc: x@example.com"}, "x", "is not a type such as"),
        ({"Subject": "a\r\nBcc: x@example.com"}, "x", "control character"),
        ({"X-Tag": "a\nb"}, "x", "control character"),
        ({"X Tag": "a"}, "x", "not a header's name"),
        ({"MIME-Version": "1.0", "Content-Type": "multipart/mixed; boundary=b"}, "ü", "has to be ASCII"),
    ],
)
def test_what_can_not_be_sent_is_named_and_nothing_is_sent(
    server: Catcher, headers: dict[str, Any], body: object, error: str
) -> None:
    with pytest.raises((ValueError, SendFailed), match=error):
        Request(YOU, headers=headers, body=body, config=at(server)).send()
    assert server.messages == ()


def test_only_post_is_an_operation() -> None:
    with pytest.raises(ValueError, match="GET is not an operation"):
        Request(YOU, method="GET")


@pytest.mark.parametrize("target", ["", "http://you@projectzero.org", "smtp://"])
def test_a_target_that_names_nobody_is_an_error(server: Catcher, target: str) -> None:
    with pytest.raises(ValueError, match=r"primary recipient|is not an address"):
        Request(target, config=at(server)).send()


def test_who_was_refused_is_in_the_result_and_all_refused_raises() -> None:
    with Catcher(refused={"no@example.com": "550 5.1.1 no such user"}) as server:
        some = Request(YOU, headers={"Cc": "no@example.com"}, config=at(server)).send()
        with pytest.raises(SendFailed, match=r"550 5\.1\.1 no such user") as raised:
            Request("no@example.com", config=at(server)).send()
    assert some.result.outcome == "partly sent"
    assert [one["address"] for one in some.result.refused] == ["no@example.com"]
    assert raised.value.result.outcome == "not sent"


def test_an_unknown_outcome_raises_and_says_so() -> None:
    with (
        ScriptedServer(Settings(fault=Fault(Step.END, Kind.CLOSE))) as server,
        pytest.raises(SendFailed, match="may have been delivered") as raised,
    ):
        Request(YOU, config=at(server)).send()
    assert raised.value.result.outcome == "unknown"


def test_a_server_without_auth_plain_is_not_sent_to() -> None:
    with (
        Catcher(logins={"me": "secret"}, offer=Offer(mechanisms=("LOGIN",))) as server,
        pytest.raises(SendFailed, match="PLAIN"),
    ):
        EmailConnection(YOU, userid="me", password="secret", **at(server)).send()
    assert server.messages == ()


def test_this_machine_may_be_told_a_password_in_clear_and_masked_ones_are_read() -> None:
    with Catcher(logins={"me": "mypassw0rd"}) as server:
        EmailConnection(YOU, userid="me", password="{xor}MiYvPiwsKG8tOw==", **at(server)).send()
    assert only(server).username == "me"


def test_no_mail_has_anothers_recipients(server: Catcher) -> None:
    def one(number: int) -> None:
        email = EmailConnection(f"r{number}@example.com", **at(server))
        email.add_bcc(f"b{number}@example.com")
        email.subject = str(number)
        email.send()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = {message_from_bytes(caught.content)["Subject"]: set(caught.rcpt_tos) for caught in server.messages}
    assert seen == {str(n): {f"r{n}@example.com", f"b{n}@example.com"} for n in range(12)}


def test_who_does_not_use_it_does_not_load_it() -> None:
    code = "import sys, smtp_connector; print('doors.python.email_connection' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

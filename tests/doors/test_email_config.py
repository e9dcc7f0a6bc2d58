"""EmailConnection's configuration files, masked passwords and key stores."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from auth import certificate
from doors.python import jks, stores
from doors.python.email_config import Config, RequestError, load_config, unmasked
from doors.python.jks import UnusableStore
from smtp.tls import TlsMode
from tests.doors import key_stores

# The documentation's three examples, word for word.
FIRST = """\
/config/connection/defaults/smtp/hostname = "smtp.projectzero.org"
"""
SECOND = """\
/config/connection/defaults/smtp/hostname = "smtp.projectzero.org"
/config/connection/defaults/smtp/userid = "user1"
/config/connection/defaults/smtp/password = "password1"
/config/connection/defaults/smtp/smtpsConfig = "defaultConfig"
"""
CUSTOM = """\
/config/connection/smtps/mySmtpsConfig = {
    "trustStore" : "config/truststore.jks",
    "trustStorePassword" : "password",
    "trustStoreType" : "JKS"
}
"""


def loaded(folder: Path, text: str) -> Config:
    path = folder / "email.conf"
    path.write_text(text)
    return load_config(path)


def store(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(base64.b64decode(text))
    return str(path)


def test_the_documentations_server_is_in_clear_on_port_25_without_a_login(tmp_path: Path) -> None:
    asset = loaded(tmp_path, FIRST).asset()
    assert (asset.server, asset.port, asset.ssl_config) == ("smtp.projectzero.org", 25, TlsMode.NONE)
    assert (asset.username, asset.connection_timeout, asset.read_timeout) == ("", 15, 60)


def test_the_documentations_secure_server_is_on_port_465_with_a_login(tmp_path: Path) -> None:
    asset = loaded(tmp_path, SECOND).asset()
    assert (asset.server, asset.port, asset.ssl_config) == ("smtp.projectzero.org", 465, TlsMode.SSL)
    assert (asset.username, asset.login.password, asset.sasl_mechanism) == ("user1", "password1", "PLAIN")
    assert (asset.verify_server_cert, asset.ca_bundle, asset.client_cert) == (True, "", "")


def test_the_documentations_trust_store_is_found_beside_the_configuration(tmp_path: Path) -> None:
    store(tmp_path, "config/truststore.jks", key_stores.TRUST_JKS)
    config = loaded(tmp_path, CUSTOM).with_keywords({"smtpsConfig": "mySmtpsConfig"})
    assert config.asset().ca_bundle.startswith("-----BEGIN CERTIFICATE-----")


def test_nothing_configured_is_this_machine() -> None:
    asset = Config().asset()
    assert (asset.server, asset.port, asset.ssl_config) == ("localhost", 25, TlsMode.NONE)


def test_comments_blank_lines_and_entries_of_others_are_passed_over(tmp_path: Path) -> None:
    text = f"# mail\n\n// more\n/config/other/thing = [1, 2]\n  {FIRST}/config/connection/defaults/http/port = 80\n"
    assert loaded(tmp_path, text).asset().port == 25


def test_numbers_may_be_texts(tmp_path: Path) -> None:
    text = (
        '/config/connection/defaults/smtp/port = "2525"\n/config/connection/defaults/smtp/readTimeout = 1.5\n'
    )
    asset = loaded(tmp_path, text).asset()
    assert (asset.port, asset.read_timeout) == (2525, 1.5)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            '\n/config/connection/defaults/smtp/hostnam = "x"',
            "line 2: there is no hostnam; there are hostname",
        ),
        ("/config/connection/defaults/smtp/password = canary", "line 1: the value of .*password is not JSON"),
        ('/config/connection/smtps/a = "x"', "has to be an object"),
        ('/config/connection/smtps/a = {"truststore": "x"}', "there is no truststore"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(RequestError, match=error) as raised:
        loaded(tmp_path, text)
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    ("keywords", "error"),
    [
        ({"host": "x"}, "There is no parameter host"),
        ({"port": 0}, "port has to be a number"),
        ({"port": 70000}, "is not 1 to 65535"),
        ({"port": "smtp"}, "port has to be a number"),
        ({"userid": "me"}, "A userid needs a password"),
        ({"userid": "me", "password": "<xor>?"}, "is no masked password"),
        ({"smtpsConfig": "other"}, "There is no SMTPS configuration other: there are defaultConfig"),
        ({"connectionTimeout": -1}, "connectionTimeout has to be a number"),
        ({"hostname": 1}, "hostname has to be a text"),
    ],
)
def test_what_is_wrong_with_a_parameter_is_named(keywords: dict[str, object], error: str) -> None:
    with pytest.raises(RequestError, match=error):
        Config().with_keywords(keywords).asset()


@pytest.mark.parametrize("mask", ["<xor>", "{xor}", "<XOR>"])
def test_masked_passwords_are_read(mask: str) -> None:
    assert unmasked("password", f"{mask}MiYvPiwsKG8tOw==") == "mypassw0rd"


def test_passwords_do_not_show(tmp_path: Path) -> None:
    assert "password1" not in repr(loaded(tmp_path, SECOND))


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("t.jks", key_stores.TRUST_JKS, "JKS"),
        ("t.p12", key_stores.TRUST_P12, "PKCS12"),
        ("t.p12", key_stores.TRUST_P12, "JKS"),  # as Java reads it, whatever it is called
    ],
)
def test_keytools_trust_stores_are_read(tmp_path: Path, name: str, text: str, kind: str) -> None:
    pem = stores.trusted(Path(store(tmp_path, name, text)), kind, "password")
    assert pem.count("BEGIN CERTIFICATE") == 1
    assert certificate.pem.blocks(pem.encode())[0].is_certificate


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [("k.jks", key_stores.KEY_JKS, "JKS"), ("k.p12", key_stores.KEY_P12, "PKCS12")],
)
def test_keytools_key_stores_are_read_with_a_masked_password(
    tmp_path: Path, name: str, text: str, kind: str
) -> None:
    entry = {
        "trustStore": store(tmp_path, "t.jks", key_stores.TRUST_JKS),
        "trustStorePassword": "password",
        "trustStoreType": "JKS",
        "keyStore": store(tmp_path, name, text),
        "keyStorePassword": "<xor>MiYvPiwsKG8tOw==",
        "keyStoreType": kind,
    }
    asset = Config({"smtpsConfig": "mine"}, {"mine": entry}).asset()
    own = certificate.read(asset.client_cert, "", asset.client_key_password)
    assert own.chain.count("BEGIN CERTIFICATE") == 1
    assert "BEGIN ENCRYPTED PRIVATE KEY" in asset.client_cert


def test_both_formats_hold_the_same_key(tmp_path: Path) -> None:
    one = stores.identity(Path(store(tmp_path, "k.jks", key_stores.KEY_JKS)), "JKS", "mypassw0rd")
    other = stores.identity(Path(store(tmp_path, "k.p12", key_stores.KEY_P12)), "PKCS12", "mypassw0rd")
    assert one.key.public_key() == other.key.public_key()
    assert one.chain == other.chain


@pytest.mark.parametrize(
    "order", [(key_stores.KEY_JKS, key_stores.TRUST_JKS), (key_stores.TRUST_JKS, key_stores.KEY_JKS)]
)
def test_a_trust_store_may_hold_a_key_too_wherever_it_stands_and_whatever_opens_it(
    tmp_path: Path, order: tuple[str, str]
) -> None:
    """What one entry stores hold, between the head and the digest, put together under the trust store's password."""
    entries = b"".join(base64.b64decode(text)[12:-20] for text in order)
    body = bytes.fromhex("feedfeed") + (2).to_bytes(4, "big") + (2).to_bytes(4, "big") + entries
    secret = "password".encode("utf-16-be")
    path = tmp_path / "both.jks"
    path.write_bytes(body + hashlib.sha1(secret + b"Mighty Aphrodite" + body).digest())
    alone = stores.trusted(Path(store(tmp_path, "t.jks", key_stores.TRUST_JKS)), "JKS", "password")
    assert stores.trusted(path, "JKS", "password") == alone
    with pytest.raises(UnusableStore, match="its key has another password than the store"):
        stores.identity(path, "JKS", "password")


def test_pem_needs_no_password(tmp_path: Path) -> None:
    pem = stores.trusted(Path(store(tmp_path, "t.jks", key_stores.TRUST_JKS)), "JKS", "password")
    (tmp_path / "ca.pem").write_text(pem)
    entry = {"trustStore": str(tmp_path / "ca.pem"), "trustStoreType": "PEM"}
    assert Config({"smtpsConfig": "mine"}, {"mine": entry}).asset().ca_bundle == pem


def test_jceks_is_refused_with_the_command_that_converts_it(tmp_path: Path) -> None:
    path = store(tmp_path, "t.jceks", key_stores.TRUST_JCEKS)
    entry = {"trustStore": path, "trustStorePassword": "password", "trustStoreType": "JCEKS"}
    with pytest.raises(RequestError) as raised:
        Config({"smtpsConfig": "mine"}, {"mine": entry}).asset()
    assert f"keytool -importkeystore -srckeystore {path} -srcstoretype JCEKS" in str(raised.value)


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({}, "trustStore is missing, and it is required"),
        ({"trustStore": "t.jks"}, "trustStoreType is missing"),
        ({"trustStore": "t.jks", "trustStoreType": "JKS"}, "trustStorePassword is missing"),
        (
            {"trustStore": "t.jks", "trustStoreType": "BKS", "trustStorePassword": "x"},
            "its type BKS is none of",
        ),
        (
            {"trustStore": "t.jks", "trustStoreType": "JKS", "trustStorePassword": "canary"},
            "does not open it",
        ),
        ({"trustStore": "absent", "trustStoreType": "JKS", "trustStorePassword": "x"}, "no such file"),
        ({"trustStore": "email.conf", "trustStoreType": "PEM"}, "it holds no certificate in PEM"),
        (
            {"trustStore": "email.conf", "trustStoreType": "PKCS12", "trustStorePassword": "x"},
            "is neither JKS",
        ),
    ],
)
def test_what_is_wrong_with_a_store_is_named(tmp_path: Path, entry: dict[str, str], error: str) -> None:
    store(tmp_path, "t.jks", key_stores.TRUST_JKS)
    (tmp_path / "email.conf").write_text("nothing")
    with pytest.raises(RequestError, match=error) as raised:
        Config({"smtpsConfig": "mine"}, {"mine": entry}, tmp_path).asset()
    assert "canary" not in str(raised.value)


def test_a_damaged_java_store_never_ends_in_anything_but_that() -> None:
    """Cut at any octet, and any octet changed, its digest made right again: what is read is the entries."""
    good = base64.b64decode(key_stores.KEY_JKS)
    secret = "mypassw0rd".encode("utf-16-be")
    for at in range(len(good)):
        with pytest.raises(UnusableStore):
            jks.read(good[:at], "mypassw0rd")
        changed = bytearray(good[:-20])
        if at < len(changed):
            changed[at] ^= 0x81
        digest = hashlib.sha1(secret + b"Mighty Aphrodite" + changed).digest()
        try:
            jks.read(bytes(changed) + digest, "mypassw0rd").key("mypassw0rd")
        except UnusableStore:
            continue

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from smtp import pem
from tests.support.authority import authority
from tests.support.growth import grows_linearly
from tests.support.pem_shapes import SHAPES, shaped


def is_trusted(text: str) -> bool:
    """Whether OpenSSL finds the authority of the tests in it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=text)
    return len(context.get_ca_certs()) == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_an_authority_is_read_from_a_file_in_every_shape(shape: str, tmp_path: Path) -> None:
    path = tmp_path / "authority.pem"
    path.write_bytes(shaped(authority().pem, shape))
    assert is_trusted(pem.authorities(str(path)))


@pytest.mark.parametrize("shape", SHAPES)
def test_an_authority_is_read_from_text_in_every_shape(shape: str) -> None:
    assert is_trusted(pem.authorities(shaped(authority().pem, shape).decode("utf-8", "replace")))


def test_a_file_may_be_named_from_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "authority.pem").write_text(authority().pem)
    assert is_trusted(pem.authorities("~/authority.pem"))


def test_several_authorities_are_all_read_and_keys_between_them_are_not(tmp_path: Path) -> None:
    key = authority().issue("localhost").private_key_pem.bytes().decode()
    found = pem.authorities(authority().pem + key + authority().pem)
    assert found.count("-----BEGIN CERTIFICATE-----") == 2
    assert "PRIVATE KEY" not in found


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b" \n", "it holds no certificate in PEM"),
        (b"\x30\x82\x01\x0a", "it holds no certificate in PEM"),
        (b"-----BEGIN CERTIFICATE-----\nMII", "a block of PEM begins and has no end"),
        (
            b"-----BEGIN CERTIFICATE----\nMIIB\n-----END CERTIFICATE-----",
            "a block of PEM begins and has no end",
        ),
        (b"-----BEGIN CERTIFICATE-----\nM\xfc!!\n-----END CERTIFICATE-----\n", "a block of PEM is damaged"),
        (b"-----BEGIN X-----\nMIIB\n-----END X-----\n", "it holds no certificate in PEM"),
    ],
)
def test_a_file_without_a_certificate_is_not_taken_for_trust_in_everybody(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "authority.pem"
    path.write_bytes(content)
    with pytest.raises(pem.NotPem, match=reason):
        pem.authorities(str(path))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("/dev/null", "the file is empty"),
        ("/dev/zero", "the file is larger"),
        ("/no/such/file.pem", "no such file or directory"),
        ("/", "is a directory"),
        ("a\0b", "it is not the name of a file"),
        ("~nobody-of-that-name/ca.pem", "it is not the name of a file"),
        ("x" * 10_000, "file name too long"),
    ],
)
def test_what_can_not_be_read_says_why(value: str, reason: str) -> None:
    with pytest.raises(pem.NotPem, match=reason):
        pem.authorities(value)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_locked_key_stays_readable_in_every_shape(shape: str, form: PrivateFormat) -> None:
    plain = authority().issue("localhost").private_key_pem.bytes()
    locked = load_pem_private_key(plain, None).private_bytes(
        Encoding.PEM, form, BestAvailableEncryption(b"x")
    )
    (block,) = pem.blocks(shaped(locked.decode(), shape))
    assert (block.is_key, block.is_locked, block.is_certificate) == (True, True, False)
    opened = load_pem_private_key(block.text.encode(), b"x")
    assert opened.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"y"))


@pytest.mark.parametrize(
    "piece",
    [
        "-----BEGIN ",
        "-----BEGIN A-----",
        "-----END ",
        "-",
        "\\n",
        "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED ",
    ],
)
def test_reading_takes_time_in_proportion_to_the_input(piece: str) -> None:
    def read(size: int) -> None:
        with pytest.raises(pem.NotPem):
            pem.authorities("-----BEGIN X-----\n-----END X-----" + piece * (size // len(piece)))

    assert grows_linearly(read, 200_000)

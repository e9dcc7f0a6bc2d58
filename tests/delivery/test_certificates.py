"""The asset's certificates: an authority of one's own, and a certificate to log in with, in every form they come in."""

from __future__ import annotations

import base64
import gc
import ssl
import weakref
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from delivery.certificates import shared_context
from tests.support.authority import Authority, authority, be_strict
from tests.support.pem_shapes import SHAPES, shaped
from tests.support.running import SECRETS, Fields, Run, Runner, asset
from tests.support.scripted import ScriptedServer, Settings

MAIL = {"to": "a@example.com", "body": "x"}
PASSWORD = SECRETS["client_key_password"]


class Forms:
    """A client certificate of the tests' authority, as asset fields may hold it."""

    def __init__(self, folder: Path) -> None:
        issued = authority().issue("client@example.com")
        self.chain = issued.cert_chain_pems[0].bytes()
        self.key = issued.private_key_pem.bytes()
        self._folder = folder
        self._key = load_pem_private_key(self.key, None)

    @property
    def locked_key(self) -> bytes:
        locked = BestAvailableEncryption(PASSWORD.encode())
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)

    def pkcs12(self, password: str = "") -> bytes:
        locked = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        certificate = x509.load_pem_x509_certificate(self.chain)
        return pkcs12.serialize_key_and_certificates(b"client", self._key, certificate, None, locked)  # type: ignore[arg-type] # keys that trustme makes will do

    def file(self, content: bytes) -> str:
        path = self._folder / f"{len(list(self._folder.iterdir()))}.pem"
        path.write_bytes(content)
        return str(path)


@pytest.fixture
def forms(tmp_path: Path) -> Forms:
    folder = tmp_path / "certificates"
    folder.mkdir()
    return Forms(folder)


def sent(run: Runner, tls: str = "ssl", **fields: object) -> Run:
    """A run over TLS with a server that wants a certificate from the client."""
    mode = {"starttls": "StartTLS", "ssl": "SSL"}[tls]
    with ScriptedServer(Settings(tls=tls, context=authority().asks_for_client)) as server:
        ours: Fields = {"server": "localhost", "ssl_config": mode, "ca_bundle": authority().pem}
        return run("send_email", asset(server, **{**ours, **fields}), MAIL)


@pytest.mark.parametrize("tls", ["starttls", "ssl"])
def test_pem_text_with_its_key(run: Runner, forms: Forms, tls: str) -> None:
    together = (forms.chain + forms.key).decode()
    assert sent(run, tls, client_cert=together, client_key_password=None).message == "Email sent"


def test_pem_files(run: Runner, forms: Forms) -> None:
    fields = {"client_cert": forms.file(forms.chain), "client_key": forms.file(forms.key)}
    assert sent(run, **fields).message == "Email sent"


def test_pem_text_whose_line_ends_a_form_has_made_literal(run: Runner, forms: Forms) -> None:
    fields = {"client_cert": forms.chain.decode(), "client_key": forms.key.decode()}
    flat = {name: text.replace("\n", "\\n") for name, text in fields.items()}
    assert sent(run, **flat, ca_bundle=authority().pem.replace("\n", "\\n")).message == "Email sent"


@pytest.mark.parametrize("shape", SHAPES)
def test_pem_in_every_shape_that_a_form_or_an_editor_leaves_it_in(
    run: Runner, forms: Forms, shape: str
) -> None:
    def text(pem: bytes) -> str:
        return shaped(pem.decode(), shape).decode("utf-8", "replace")

    own = {"client_cert": text(forms.chain), "client_key": text(forms.key)}
    assert sent(run, **own, ca_bundle=text(authority().pem.encode())).message == "Email sent"
    files = {
        "client_cert": forms.file(shaped(forms.chain.decode(), shape)),
        "client_key": forms.file(shaped(forms.locked_key.decode(), shape)),
        "ca_bundle": forms.file(shaped(authority().pem, shape)),
    }
    assert sent(run, **files).message == "Email sent"


def test_files_may_be_named_from_the_home_folder(
    run: Runner, forms: Forms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    files = {
        "client_cert": forms.file(forms.chain),
        "client_key": forms.file(forms.key),
        "ca_bundle": forms.file(authority().pem.encode()),
    }
    named = {field: path.replace(str(tmp_path), "~") for field, path in files.items()}
    assert sent(run, **named).message == "Email sent"


def test_a_locked_key(run: Runner, forms: Forms) -> None:
    fields = {"client_cert": forms.chain.decode(), "client_key": forms.locked_key.decode()}
    assert sent(run, **fields).message == "Email sent"


@pytest.mark.parametrize("password", ["", PASSWORD])
def test_pkcs12_as_a_file_and_as_base64(run: Runner, forms: Forms, password: str) -> None:
    octets = forms.pkcs12(password)
    for value in (forms.file(octets), base64.b64encode(octets).decode(), base64.encodebytes(octets).decode()):
        assert sent(run, client_cert=value, client_key_password=password).message == "Email sent"


def test_a_ca_bundle_may_be_a_file(run: Runner, forms: Forms) -> None:
    bundle = forms.file(b"# ours\n" + authority().pem.encode())
    with ScriptedServer(Settings(tls="ssl")) as server:
        result = run(
            "send_email", asset(server, server="localhost", ssl_config="SSL", ca_bundle=bundle), MAIL
        )
    assert result.message == "Email sent"


def counted_contexts(monkeypatch: pytest.MonkeyPatch) -> list[ssl.SSLContext]:
    """Every context that a client makes from now on."""
    made: list[ssl.SSLContext] = []
    make = ssl.create_default_context

    def create_default_context(*args: Any, **kwargs: Any) -> ssl.SSLContext:
        made.append(make(*args, **kwargs))
        return made[-1]

    shared_context.cache_clear()
    monkeypatch.setattr(ssl, "create_default_context", create_default_context)
    return made


def test_runs_with_the_same_authorities_share_a_context(
    run: Runner, forms: Forms, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = counted_contexts(monkeypatch)
    bundle = forms.file(authority().pem.encode())
    with ScriptedServer(Settings(tls="ssl")) as server:
        for text in (bundle, bundle, authority().pem, authority().pem):
            account = asset(server, server="localhost", ssl_config="SSL", ca_bundle=text)
            assert run("send_email", account, MAIL).message == "Email sent"
    assert len(made) == 2  # by the file, and by the text


def test_who_does_not_verify_shares_nothing_with_who_does(run: Runner) -> None:
    with ScriptedServer(Settings(tls="ssl")) as server:
        ours: Fields = {"server": "localhost", "ssl_config": "SSL", "ca_bundle": ""}
        assert (
            run("send_email", asset(server, **ours, verify_server_cert=False), MAIL).message == "Email sent"
        )
        refused = run("send_email", asset(server, **ours), MAIL)
    assert "authority that is not known here" in refused.message


@pytest.mark.parametrize("is_replaced", [False, True], ids=["written to", "replaced"])
def test_a_process_notices_that_a_file_of_authorities_has_changed(
    run: Runner, forms: Forms, is_replaced: bool
) -> None:
    stranger, ours = Authority().pem.encode(), authority().pem.encode()
    bundle = Path(forms.file(ours))
    with ScriptedServer(Settings(tls="ssl")) as server:
        account = asset(server, server="localhost", ssl_config="SSL", ca_bundle=str(bundle))
        assert run("send_email", account, MAIL).message == "Email sent"
        if is_replaced:
            Path(forms.file(stranger)).rename(bundle)
        else:
            bundle.write_bytes(stranger)
        assert "authority that is not known here" in run("send_email", account, MAIL).message
        bundle.unlink()
        assert "ca_bundle can't be used" in run("send_email", account, MAIL).document["message"]
        bundle.write_bytes(ours)
        assert run("send_email", account, MAIL).message == "Email sent"


def test_a_process_notices_that_the_systems_authorities_have_changed(
    run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "system.pem"
    file.write_text(Authority().pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with ScriptedServer(Settings(tls="ssl")) as server:
        account = asset(server, server="localhost", ssl_config="SSL", ca_bundle="")
        assert "authority that is not known here" in run("send_email", account, MAIL).message
        file.write_text(authority().pem)
        assert run("send_email", account, MAIL).message == "Email sent"


def test_a_process_notices_that_an_authority_came_into_the_systems_folder(
    run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = counted_contexts(monkeypatch)
    folder = tmp_path / "authorities"
    folder.mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    with ScriptedServer(Settings(tls="ssl")) as server:
        account = asset(server, server="localhost", ssl_config="SSL", ca_bundle="", verify_server_cert=False)
        for expected in (1, 1, 2):
            if expected == 2:
                (folder / "more.pem").write_text(authority().pem)
            assert run("send_email", account, MAIL).message == "Email sent"
            assert len(made) == expected


def test_a_private_key_leaves_the_memory_with_its_run(
    run: Runner, forms: Forms, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = counted_contexts(monkeypatch)
    for _ in range(2):
        assert sent(run, client_cert=forms.chain.decode(), client_key=forms.key.decode()).succeeded
    contexts = [weakref.ref(made.pop()), weakref.ref(made.pop())]
    gc.collect()
    assert [context() for context in contexts] == [None, None]


def test_a_chain_in_the_form_of_decades_ago_is_verified_with_every_python(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_strict(monkeypatch)
    context, ca = authority().as_decades_ago
    with ScriptedServer(Settings(tls="ssl", context=context)) as server:
        ours: Fields = {"server": "localhost", "ssl_config": "SSL", "ca_bundle": ca}
        assert run("send_email", asset(server, **ours), MAIL).message == "Email sent"
        refused = run("send_email", asset(server, **{**ours, "ca_bundle": authority().pem}), MAIL)
    assert "authority that is not known here" in refused.message


def test_without_a_certificate_such_a_server_takes_nothing(run: Runner) -> None:
    result = sent(run)
    assert not result.succeeded
    assert result.message.startswith("Nothing was sent")


@pytest.mark.parametrize("form", ["PEM", "locked PEM", "PKCS#12"])
def test_a_key_that_lies_in_a_file_for_a_moment_is_locked(
    run: Runner, forms: Forms, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    seen: list[bytes] = []

    def load_cert_chain(self: ssl.SSLContext, certfile: str, *args: Any, **kwargs: Any) -> None:
        folder = Path(certfile).parent
        seen.extend(path.read_bytes() for path in folder.iterdir())
        assert folder.stat().st_mode & 0o077 == 0, "others can look into the folder"
        load(self, certfile, *args, **kwargs)

    load = ssl.SSLContext.load_cert_chain
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load_cert_chain)
    fields = {
        "PEM": {"client_cert": forms.file(forms.chain), "client_key": forms.key.decode()},
        "locked PEM": {"client_cert": (forms.chain + forms.locked_key).decode()},
        "PKCS#12": {"client_cert": base64.b64encode(forms.pkcs12(PASSWORD)).decode()},
    }
    assert sent(run, **fields[form]).message == "Email sent"
    assert {octets.count(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") for octets in seen} == {1}
    assert not any(b"-----BEGIN PRIVATE KEY" in octets or b"RSA PRIVATE KEY" in octets for octets in seen)


def test_nothing_of_it_is_left_behind(
    run: Runner, forms: Forms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    assert sent(run, client_cert=forms.chain.decode(), client_key=forms.locked_key.decode()).succeeded
    assert sent(run, client_cert=base64.b64encode(forms.pkcs12(PASSWORD)).decode()).succeeded
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    "break_it",
    [
        lambda forms: {"client_cert": forms.chain.decode(), "client_key": "x"},
        lambda forms: {"client_cert": forms.chain.decode(), "client_key": Forms(forms._folder).key.decode()},
        lambda forms: {
            "client_cert": forms.chain.decode(),
            "client_key": forms.locked_key.decode(),
            "client_key_password": "canary-another",
        },
        lambda forms: {"client_cert": base64.b64encode(forms.pkcs12("canary-another")).decode()},
        lambda forms: {"client_cert": forms.file(b"\x30\x82garbage")},
        lambda forms: {"client_cert": forms.chain.decode()},
    ],
    ids=["no key", "another key", "wrong password", "wrong PKCS#12 password", "garbage", "key missing"],
)
def test_what_does_not_fit_together_is_said_before_anything_begins(
    run: Runner, forms: Forms, break_it: object
) -> None:
    assert callable(break_it)
    done = sent(run, **break_it(forms))
    assert done.document["status"] == "failed"
    assert "client_" in done.document["message"]
    assert "canary" not in done.document["message"]
    assert done.progress == ()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"ca_bundle": "/no/such/file.pem"}, "ca_bundle can't be used: no such file"),
        ({"ca_bundle": "/"}, "ca_bundle can't be used: is a directory"),
        ({"ca_bundle": "MIIB"}, "ca_bundle can't be used"),
        ({"ca_bundle": "/dev/null"}, "ca_bundle can't be used: the file is empty"),
        ({"ca_bundle": __file__}, "ca_bundle can't be used: "),
        ({"client_cert": "/dev/null"}, "client_cert can't be used: the file is empty"),
        (
            {"ca_bundle": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"},
            "ca_bundle can't be used",
        ),
        ({"client_cert": "/no/such/file.pem"}, "client_cert can't be used: no such file"),
        (
            {"client_key": "/no/file", "client_cert": None},
            "client_key can't be used: it is given without client_cert",
        ),
    ],
)
def test_what_can_not_be_used_names_its_field(run: Runner, fields: dict[str, str], named: str) -> None:
    done = sent(run, **fields)
    assert done.document["status"] == "failed"
    assert done.document["message"].startswith("Nothing was sent")
    assert named in done.document["message"]
    assert done.progress == ()

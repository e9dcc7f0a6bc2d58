"""What test connectivity says beside its message: the steps, the certificate, what will stop working and when."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from actions.contract import Context
from auth.certificate import UnusableCertificate, read
from auth.oauth.store import TokenStore
from auth.readiness import Notice, Secret, readiness, secrets_of
from delivery.asset import Asset
from delivery.steps import Steps, Taken
from delivery.transport import Transport
from smtp.tls import TlsState


def connectivity_data(context: Context, transport: Transport, steps: Steps) -> dict[str, Any]:
    """The data object of the result, after the last step that was taken. Raises `MailError`."""
    facts = transport.facts
    today = datetime.now(UTC).date()
    secrets = (*secrets_of(context.asset.login), *_certificates_of(context.asset))
    notices = _notices(context, facts.auth_method, today, secrets)
    return {
        "steps": [_step(taken) for taken in steps.taken.values()],
        "certificate": _certificate(steps.tls),
        "offers": list(steps.offers),
        "auth_method": facts.auth_method,
        "auth_mechanism": facts.auth_mechanism,
        "secrets": [secret.as_dict(today) for secret in secrets],
        "readiness": [notice.as_dict(today) for notice in notices],
    }


def _step(taken: Taken) -> dict[str, Any]:
    return {
        "step": taken.step,
        "status": taken.status,
        "detail": taken.detail,
        "duration_ms": round(taken.seconds * 1000),
    }


def _certificate(tls: TlsState | None) -> dict[str, Any]:
    """The server's certificate; nothing without TLS, or where it was not verified."""
    if tls is None or tls.expires is None:
        return {}
    return {
        "subject": tls.subject,
        "issuer": tls.issuer,
        "not_after": datetime.fromtimestamp(tls.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "days_left": tls.days_left,
    }


def _certificates_of(asset: Asset) -> tuple[Secret, ...]:
    """The ends of the certificates that the asset shows in TLS, or signs with."""
    held = (
        ("client_cert", asset.client_cert, asset.client_key, asset.client_key_password),
        ("smime_certificate", asset.smime_certificate, asset.smime_key, asset.smime_key_password),
    )
    return tuple(
        Secret(field, expires)
        for field, certificate, key, password in held
        if certificate and (expires := _last_day(certificate, key, password)) is not None
    )


def _last_day(certificate: str, key: str, password: str) -> date | None:
    from cryptography.x509 import load_pem_x509_certificate

    try:
        chain = read(certificate, key, password).chain
        return load_pem_x509_certificate(chain.encode("ascii")).not_valid_after_utc.date()
    except (UnusableCertificate, ValueError):
        return None  # whoever uses it says what is wrong with it


def _notices(context: Context, method: str, today: date, secrets: tuple[Secret, ...]) -> tuple[Notice, ...]:
    login = context.asset.login
    if method != "OAuth" or not login.asks_a_person:
        return readiness(login, method, today, secrets)
    token = TokenStore(login, context.state).load().token
    ends = datetime.fromtimestamp(token.expires_at, UTC) if token.access_token else None
    has_one = not token.access_token or bool(token.refresh_token or token.memory)
    return readiness(login, method, today, secrets, can_renew=has_one, token_ends=ends)

"""A service account of Google's that has no key: the workload's own token is what proves it (workload identity).

Google's security token service exchanges that token (RFC 8693); with what comes of it Google's own key of the account
signs. What is read is the configuration of type external_account that Google Cloud writes for a workload.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from auth.errors import AuthError, Step
from auth.oauth.account_file import FIELD, is_text, unusable
from auth.oauth.answers import refusal
from auth.oauth.assertion import EXCHANGE_GRANT, LIFETIME, TYPE_ACCESS, TYPE_JWT, federated_token
from auth.oauth.endpoints import require_https
from auth.oauth.token import granted
from auth.oauth.web import BoundedSession, limits_of
from auth.settings import Login
from smtp import pem

_SIGNER = re.compile(r"/serviceAccounts/([^/:]+@[^/:]+):generateAccessToken$")
_CLOUD = "https://www.googleapis.com/auth/cloud-platform"
_TRUST = (
    "Check the workload identity pool in Google Cloud: its provider has to trust the issuer and the audience of the "
    "workload's token, and its attribute condition has to let it through."
)
_MAY_SIGN = (
    "Give the workload the role Service Account Token Creator (roles/iam.serviceAccountTokenCreator) on the service "
    "account, and enable the IAM Service Account Credentials API."
)


def signed_by_google(login: Login, account: Mapping[str, Any], claims: Mapping[str, str]) -> str:
    """Return `claims` as the account's own, signed by Google. Raises `AuthError`."""
    address = account.get("service_account_impersonation_url", "")
    found = _SIGNER.search(address) if is_text(address) else None
    if found is None:
        raise unusable("it has no service_account_impersonation_url, and so names no service account")
    for name in ("token_url", "service_account_impersonation_url"):
        require_https(account[name], f"{name} of {FIELD}")
    subject = _subject(login, account.get("credential_source"))
    with BoundedSession() as session:
        session.use(limits_of(login))
        access = _exchanged(session, account, subject)
        now = int(time.time())
        payload = {**claims, "iss": found[1], "iat": now, "exp": now + LIFETIME}
        answer = session.post(
            address.removesuffix("generateAccessToken") + "signJwt",
            json={"payload": json.dumps(payload)},
            headers={"Authorization": f"Bearer {access}"},
        ).json()
    if not is_text(answer.get("signedJwt")):
        raise _refused(answer, (subject, access), _MAY_SIGN)
    return str(answer["signedJwt"])


def _exchanged(session: BoundedSession, account: Mapping[str, Any], subject: str) -> str:
    form = {
        "grant_type": EXCHANGE_GRANT,
        "audience": account["audience"],
        "scope": _CLOUD,
        "requested_token_type": TYPE_ACCESS,
        "subject_token_type": account.get("subject_token_type") or TYPE_JWT,
        "subject_token": subject,
    }
    answer = session.post(account["token_url"], data=form).json()
    if "error" in answer:
        raise _refused(answer, (subject,), _TRUST)
    return granted(answer, asked_at=time.time(), scopes="").access_token


def _refused(answer: Mapping[str, Any], secrets: tuple[str, ...], hint: str) -> AuthError:
    error = refusal(answer, Step.TOKEN, secrets)
    if not error.retryable:
        error.hint = hint
    return error


def _subject(login: Login, source: object) -> str:
    """The workload's token, from the asset's federated_token_file or the file that the configuration names."""
    source = source if isinstance(source, dict) else {}
    path = login.federated_token_file or source.get("file")
    if not is_text(path):
        raise unusable("its credential_source names no file, and federated_token_file is empty")
    form = source.get("format")
    if login.federated_token_file or not isinstance(form, dict) or form.get("type") != "json":
        return federated_token(login._replace(federated_token_file=str(path)))
    try:
        token = json.loads(pem.read(str(path)))[form.get("subject_token_field_name")]
    except (pem.NotPem, ValueError, KeyError, TypeError, RecursionError):
        raise unusable("the file that its credential_source names does not hold the token") from None
    if not is_text(token):
        raise unusable("the file that its credential_source names does not hold the token")
    return str(token)

"""Replies to AUTH, and to mail for which a login is missing."""

from __future__ import annotations

from delivery.remedies.case import (
    ANYWHERE,
    LOGIN,
    MINUTE,
    SENDING,
    Case,
    Remedy,
    Subject,
    setting,
    wait,
)
from smtp.errors import Step

_OAUTH = "log in with OAuth (client_id, token_url and oauth_certificate, auth_url or device_code)"
_WRONG = Remedy(
    "The password is wrong, or the account is locked: check username and password.",
    Subject.PASSWORD,
    retryable=False,
    page="535-5.7.139",
)
_PASSWORDS_ARE_OFF = setting(
    f"The provider takes no passwords any more: {_OAUTH} instead.", Subject.PASSWORDS_ARE_OFF, "550-5.7.30"
)
_POLICY = setting(
    f"The tenant's security defaults or conditional access forbid password logins: {_OAUTH}.",
    Subject.PASSWORDS_ARE_OFF,
    "535-5.7.139",
)
_SMTP_AUTH_IS_OFF = setting(
    "SMTP AUTH is disabled for the tenant or the mailbox. An Exchange administrator turns on "
    "'Authenticated SMTP' for the mailbox (Set-CASMailbox -SmtpClientAuthenticationDisabled $false).",
    Subject.SMTP_AUTH_IS_OFF,
    "535-5.7.139",
)
_AUDIENCE = Remedy(
    "With OAuth the token is mostly for the wrong audience: scopes has to be "
    "'https://outlook.office.com/SMTP.Send offline_access', or 'https://outlook.office365.com/.default' "
    "for an application with the permission SMTP.SendAsApp; and username has to be the mailbox that "
    "signed in. With a password: check username and password.",
    Subject.TOKEN,
    page="535-5.7.3",
)
_GOOGLE_APP_PASSWORD = setting(
    "Google wants an app password: turn on 2-step verification, create an app password and put it into "
    f"password, or {_OAUTH}.",
    Subject.APP_PASSWORD,
    "534-5.7.9",
)
_GOOGLE_BROWSER = setting(
    f"Google wants a login in a browser from this account first, or {_OAUTH}.",
    Subject.APP_PASSWORD,
    "534-5.7.9",
)
_GOOGLE_REFUSES = Remedy(
    "Check username and password; Google takes an app password only, or OAuth with the scope "
    "https://mail.google.com/ and the account that signed in as username.",
    Subject.PASSWORD,
    page="535-5.7.8",
)
_SES_CREDENTIALS = Remedy(
    "Amazon SES has user names and passwords of its own for SMTP, made for one region: they are not the access key "
    "of AWS. Check username, password, and that server is of the region where they were made.",
    Subject.PASSWORD,
    page="535-5.7.8",
)
_AUTHORIZATION_CODE = setting(
    "The provider wants an authorization code (app password) instead of the account's password: create one in the "
    "settings of the mailbox, switch SMTP on there, and put it into password.",
    Subject.APP_PASSWORD,
    "535-5.7.8",
)
_NOT_SWITCHED_ON = setting(
    "The account may not use SMTP: switch it on in the settings of the mailbox at the provider, or have its "
    "administrator do so.",
    Subject.SMTP_AUTH_IS_OFF,
    "535-5.7.8",
)
_CREDITS = Remedy(
    "The plan's credits at the provider are used up: add some, or wait for the next period.",
    Subject.QUOTA,
    retryable=False,
    page="550-5.4.5",
)
_REFUSED = Remedy(
    "Check username and password (some providers want an app password, and some a user name that is no address); "
    "with OAuth, check username and scopes, and sign in again. If both are right, try sasl_mechanism PLAIN.",
    Subject.PASSWORD,
    page="535-5.7.8",
)
_TOO_MANY_LOGINS = wait(
    "Too many logins within a short time: wait, and run fewer actions of this asset at a time.",
    Subject.RATE,
    10 * MINUTE,
    "454-4.7.0",
)
_LOCKED_OUT = Remedy(
    "Too many wrong logins: check username and password, and wait before the next try.",
    Subject.PASSWORD,
    retryable=False,
    page="535-5.7.8",
)
_NOT_NOW = wait(
    "The server can't check logins just now: try again later. The login itself may be right.",
    Subject.SERVER,
    MINUTE,
    "454-4.7.0",
)
_TRANSITION = setting(
    "The server has to see the password once to go over to another mechanism: set sasl_mechanism to PLAIN for one run.",
    Subject.MECHANISM,
    "504-5.5.4",
)
_STRONGER = setting(
    "The server wants another mechanism for this account: set sasl_mechanism, or another auth_type.",
    Subject.MECHANISM,
    "504-5.5.4",
)
_UNKNOWN_MECHANISM = setting(
    "The server does not let this account use the mechanism: set sasl_mechanism, or another auth_type.",
    Subject.MECHANISM,
    "504-5.5.4",
)
_DISABLED = setting(
    "The account is disabled or its password has expired: log in to it with a browser, or ask its administrator.",
    Subject.ACCOUNT,
    "535-5.7.8",
)
_TLS_FIRST = setting(
    "The server wants TLS first: set ssl_config to StartTLS (port 587) or SSL (port 465).",
    Subject.TLS,
    "530-5.7.0",
)
_LOG_IN_FIRST = setting(
    "The server wants a login: fill in username and password or the OAuth fields, check that auth_type "
    "is not Passwordless, and use the port for submission (587 with StartTLS, 465 with SSL).",
    Subject.LOGIN,
    "530-5.7.57",
)

CASES = (
    # Microsoft 365
    Case(LOGIN, (535,), ("5.7.139",), ("credentials were incorrect",), _WRONG),
    Case(LOGIN, (535,), ("5.7.139",), ("basic authentication is disabled",), _PASSWORDS_ARE_OFF),
    Case(LOGIN, (535,), ("5.7.139",), ("security", "conditional", "policy"), _POLICY),
    Case(LOGIN, (535,), ("5.7.139",), (), _SMTP_AUTH_IS_OFF),
    Case(LOGIN, (535,), ("5.7.3",), (), _AUDIENCE),
    Case((Step.AUTH, Step.MAIL, Step.RCPT), (550,), ("5.7.30",), (), _PASSWORDS_ARE_OFF),
    Case(SENDING, (530,), ("5.7.57",), (), _LOG_IN_FIRST),
    # Google
    Case(LOGIN, (534,), ("5.7.9",), ("application-specific", "invalidsecondfactor", "google"), _GOOGLE_APP_PASSWORD),
    Case(LOGIN, (534,), ("5.7.14",), (), _GOOGLE_BROWSER),
    Case(LOGIN, (535,), ("5.7.8",), ("username and password not accepted", "google", "gsmtp"), _GOOGLE_REFUSES),
    # Amazon, Tencent, NetEase, Yandex, SendGrid
    Case(LOGIN, (535,), (), ("authentication credentials invalid",), _SES_CREDENTIALS),
    Case(LOGIN, (535,), (), ("authorization code", "login fail", "application-specific", "app password"),
         _AUTHORIZATION_CODE),
    Case(LOGIN, (535, 550), (), ("does not have access rights", "user has no permission", "suspended", "smtp is not"),
         _NOT_SWITCHED_ON),
    Case(LOGIN, (451, 535, 550), (), ("credits exceeded",), _CREDITS),
    # everybody
    Case(LOGIN, (432,), ("4.7.12",), (), _TRANSITION),
    Case(LOGIN, (421, 450, 454), (), ("too many login", "too many auth", "too many failed", "too many bad auth"),
         _TOO_MANY_LOGINS),
    Case(LOGIN, (535,), (), ("too many login", "too many auth", "too many failed", "too many bad auth"), _LOCKED_OUT),
    Case(LOGIN, (525,), (), (), _DISABLED),
    Case(LOGIN, (538,), (), (), _TLS_FIRST),
    Case(LOGIN, (534,), (), (), _STRONGER),
    Case(LOGIN, (504,), (), (), _UNKNOWN_MECHANISM),
    Case(LOGIN, (454,), (), (), _NOT_NOW),
    Case(LOGIN, (535,), (), (), _REFUSED),
    Case(ANYWHERE, (530,), (), ("starttls", "tls"), _TLS_FIRST),
    Case(ANYWHERE, (530,), (), (), _LOG_IN_FIRST),
    Case(SENDING, (550, 553, 554), (), ("not logged in", "authentication required", "authentication is required",
         "client was not authenticated", "unauthenticated senders not allowed"), _LOG_IN_FIRST),
)  # fmt: skip

"""What large providers mean by their replies, and which setting to change: by step, code and enhanced code.

Who adds a case: the first that fits is taken, so the particular ones come before the general. A case may look
at the words of a reply only to choose between hints (servers word and translate them as they like); the one
exception, marked below, makes us do less, never more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

from message.errors import Lack, MessageError
from smtp.errors import Category, Reason, Step

MINUTE = 60.0

_CHECK_THE_PORT = (
    "Check the port: 587 with StartTLS and 465 with SSL are for logging in, 25 usually is not. "
    "A server that wants no login takes auth_type Passwordless."
)
_OWN_AUTHORITY = "If the authority is yours, put its certificate into the asset's ca_bundle"
_ADVICE = MappingProxyType(
    {
        Reason.UNKNOWN_NAME: "Check the server field for a typing mistake.",
        Reason.SILENT_BANNER: (
            "A server that expects TLS from the first byte is silent like this: choose SSL (port 465)."
        ),
        Reason.NO_STARTTLS: (
            "Choose SSL (port 465) if the server speaks TLS from the first byte, or ask its administrator."
        ),
        Reason.NOT_TLS: (
            "The server speaks plain text first on this port. Choose StartTLS (port 587), "
            "or the port that expects TLS from the first byte (465)."
        ),
        Reason.SELF_SIGNED_CERTIFICATE: "If it is the right one, put it into the asset's ca_bundle.",
        Reason.UNTRUSTED_AUTHORITY: f"{_OWN_AUTHORITY}.",
        Reason.UNKNOWN_AUTHORITY: (
            f"{_OWN_AUTHORITY}; if it is a public one, the server may not be sending its intermediate certificates."
        ),
        Reason.OTHER_HOST_NAME: (
            "Set server to a name that the certificate lists, or have the certificate reissued."
        ),
        Reason.OTHER_IP_ADDRESS: "Set server to a host name that the certificate lists.",
        Reason.LOGIN_IN_CLEAR: (
            "Set ssl_config to StartTLS or SSL. If the network really is trusted, set allow_plaintext_auth."
        ),
        Reason.NO_COMMON_MECHANISM: (
            "Choose another way to sign in (auth_type), or have the server's administrator enable one of them."
        ),
        Reason.NO_LOGIN_OFFERED: _CHECK_THE_PORT,
        Reason.NO_LOGIN_OFFERED_IN_CLEAR: (
            f"Set ssl_config to StartTLS or SSL: most servers offer a login only then. {_CHECK_THE_PORT}"
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do. None: what the reply's code says by itself stands. `retry_after` is in seconds."""

    hint: str
    category: Category | None = None
    retryable: bool | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """`steps` and `enhanced` may be empty: any. `says` is a part of the reply's text, in lower case."""

    steps: tuple[Step, ...]
    code: int
    enhanced: str
    remedy: Remedy
    says: str = ""

    def fits(self, step: Step, code: int, enhanced_code: str, text: str) -> bool:
        return (
            code == self.code
            and (not self.steps or step in self.steps)
            and (not self.enhanced or enhanced_code == self.enhanced)
            and self.says in text
        )


def advice(reason: Reason) -> str:
    """Which setting of the asset to change where no reply, but the session itself says what is wrong; "" for none."""
    return _ADVICE.get(reason, "")


def remedy(step: Step, code: int, enhanced_code: str, text: str) -> Remedy | None:
    """What is known of a reply with `code` (550) and `enhanced_code` ("5.7.60", or "") at `step`; None: nothing."""
    text = text.lower()
    return next((case.remedy for case in _CASES if case.fits(step, code, enhanced_code, text)), None)


_LACKS = MappingProxyType(
    {
        Lack.SENDER: ": give the from parameter, a From in headers, or the asset's sender address",
        Lack.UNICODE: ", and the asset's setting 'Enable Unicode support' is off",
        Lack.CERTIFICATE: ": add it to the asset's smime_recipients",
        Lack.SMTPUTF8: " and the asset's setting 'Enable SMTPUTF8 support'",
    }
)


def with_settings(error: MessageError) -> str:
    """The error's text, with the setting or parameter by which each fault can be mended."""
    faults = [
        replace(fault, text=fault.text + _LACKS[fault.lack]) if fault.lack else fault
        for fault in error.faults
    ]
    return str(MessageError(faults))


def _setting(hint: str) -> Remedy:
    """Nothing gets better by itself: a setting, here or at the provider, has to change."""
    return Remedy(hint, category=Category.CONFIGURATION, retryable=False)


def _wait(hint: str, seconds: float) -> Remedy:
    return Remedy(hint, category=Category.TEMPORARY, retryable=True, retry_after=seconds)


_LOGIN = (Step.AUTH,)
_SENDING = (Step.MAIL, Step.RCPT, Step.DATA, Step.BODY, Step.END)
_AFTER_DATA = (Step.BODY, Step.END)
_ANYWHERE = ()

_OAUTH = "sign in with OAuth (client_id, token_url, auth_url)"
_SEND_AS = _setting(
    "The login may not send as this sender: set sender_address (or from) to the login's own address, "
    "or give it the permission Send As for the other one."
)
_BASIC_IS_OFF = _setting(f"The provider takes no passwords any more: {_OAUTH} instead.")
_LOG_IN_FIRST = _setting(
    "The server wants a login: fill in username and password or the OAuth fields, check that auth_type "
    "is not Passwordless, and use the port for submission (587 with StartTLS, 465 with SSL)."
)
_TLS_FIRST = _setting("The server wants TLS first: set ssl_config to StartTLS (port 587) or SSL (port 465).")
_NO_RELAY = _setting(
    "The server does not relay to this recipient for us: fill in a login, or have its administrator allow "
    "this machine to relay."
)
_TOO_MANY_CONNECTIONS = _wait(
    "Too many connections at once (Microsoft 365 allows 3 for a mailbox): run fewer actions of this asset at a time.",
    MINUTE,
)
_BUSY = _wait("The server is busy, or limits how fast we may send: try again in a minute or later.", MINUTE)
_DAILY = Remedy(
    "The daily limit of this account is used up: wait until tomorrow, or send less.", retryable=False
)
_TOO_LARGE = Remedy("The message is larger than the server takes; attachments grow by 37% on their way.")

_MICROSOFT_365 = (
    _Case(
        _LOGIN,
        535,
        "5.7.139",
        Remedy(
            "The password is wrong, or the account is locked: check username and password.", retryable=False
        ),
        says="credentials were incorrect",
    ),
    _Case(_LOGIN, 535, "5.7.139", _BASIC_IS_OFF, says="basic authentication is disabled"),
    _Case(
        _LOGIN,
        535,
        "5.7.139",
        _setting(f"The tenant's security defaults or conditional access forbid password logins: {_OAUTH}."),
        says="security",
    ),
    _Case(
        _LOGIN,
        535,
        "5.7.139",
        _setting(
            "SMTP AUTH is disabled for the tenant or the mailbox. An Exchange administrator turns on "
            "'Authenticated SMTP' for the mailbox (Set-CASMailbox -SmtpClientAuthenticationDisabled $false)."
        ),
    ),
    _Case(
        _LOGIN,
        535,
        "5.7.3",
        Remedy(
            "With OAuth the token is mostly for the wrong audience: scopes has to be "
            "'https://outlook.office.com/SMTP.Send offline_access', or 'https://outlook.office365.com/.default' "
            "for an application with the permission SMTP.SendAsApp; and username has to be the mailbox that "
            "signed in. With a password: check username and password."
        ),
    ),
    _Case(_ANYWHERE, 550, "5.7.30", _BASIC_IS_OFF),
    _Case(_ANYWHERE, 432, "", _TOO_MANY_CONNECTIONS),
    _Case(_SENDING, 530, "5.7.57", _LOG_IN_FIRST),
    _Case(_SENDING, 550, "5.7.60", _SEND_AS),
    _Case(_SENDING, 554, "5.2.252", _SEND_AS),
    _Case(_SENDING, 554, "5.2.0", _SEND_AS, says="sendasdenied"),
    _Case(_SENDING, 554, "5.2.0", _DAILY),
    _Case(_SENDING, 554, "5.2.2", Remedy("The sender's own mailbox is full: make room in it.")),
    _Case(
        _SENDING,
        550,
        "5.1.8",
        _setting(
            "The sender was blocked for sending spam: an administrator lifts that under 'Restricted entities'."
        ),
    ),
)

_GOOGLE = (
    _Case(
        _LOGIN,
        534,
        "5.7.9",
        _setting(
            "Google wants an app password: turn on 2-step verification, create an app password and put it into "
            f"password, or {_OAUTH}."
        ),
    ),
    _Case(
        _LOGIN,
        534,
        "5.7.14",
        _setting(f"Google wants a login in a browser from this account first, or {_OAUTH}."),
    ),
    _Case(
        _LOGIN,
        535,
        "5.7.8",
        Remedy(
            "Check username and password; Google takes an app password only, or OAuth with the scope "
            "https://mail.google.com/ and the account that signed in as username."
        ),
    ),
    _Case(_SENDING, 550, "5.4.5", _DAILY),
    _Case(_SENDING, 450, "4.2.1", _BUSY),
    _Case(
        _SENDING, 452, "4.5.3", Remedy("Too many recipients for one message: the others go in another one.")
    ),
    _Case(
        _SENDING,
        550,
        "5.7.26",
        _setting("The sender's domain has to authorise this server: publish SPF and DKIM records for it."),
    ),
)

_AMAZON = (
    # By its words alone, and so only towards doing less: SES gives throttling and the daily quota one code.
    _Case(_AFTER_DATA, 454, "", _DAILY, says="daily message quota"),
    _Case(_AFTER_DATA, 454, "", _wait("More messages a second than the account may send: slow down.", 1.0)),
    _Case(
        _AFTER_DATA,
        554,
        "",
        _setting(
            "Verify the address in Amazon SES (in its sandbox the recipients' too), and check that server is of "
            "the region where it was verified."
        ),
        says="not verified",
    ),
)

_EXCHANGE_AND_OTHERS = (
    _Case(_SENDING, 550, "5.7.1", _SEND_AS, says="send as this sender"),
    _Case((Step.RCPT,), 550, "5.7.1", _NO_RELAY),
    _Case((Step.RCPT,), 550, "5.7.54", _NO_RELAY),
    _Case((Step.RCPT,), 554, "5.7.1", _NO_RELAY, says="relay"),
    _Case(_SENDING, 553, "5.7.1", _SEND_AS, says="owned by"),
    _Case(
        _SENDING,
        452,
        "4.3.1",
        _wait("The server is short of disk or memory: try again in some minutes.", 5 * MINUTE),
    ),
    _Case(_ANYWHERE, 421, "", _BUSY),
    _Case(_ANYWHERE, 530, "", _TLS_FIRST, says="starttls"),
    _Case(_ANYWHERE, 530, "", _LOG_IN_FIRST),
    _Case(_LOGIN, 538, "", _TLS_FIRST),
    _Case(
        _LOGIN,
        534,
        "",
        _setting("The server wants a stronger mechanism for this account: set another auth_type."),
    ),
    _Case(
        _LOGIN,
        454,
        "",
        _wait(
            "The server can't check logins just now: try again later. The login itself may be right.", MINUTE
        ),
    ),
    _Case(
        _LOGIN,
        504,
        "",
        _setting("The server does not let this account use the mechanism: set another auth_type."),
    ),
    _Case(
        _LOGIN,
        535,
        "",
        Remedy("Check username and password; with OAuth, check username and scopes, and sign in again."),
    ),
    _Case(_SENDING, 552, "5.2.2", Remedy("The recipient's mailbox is full.")),
    _Case(_SENDING, 552, "", _TOO_LARGE),
    _Case(_SENDING, 554, "5.3.4", _TOO_LARGE),
    _Case(
        (Step.RCPT,),
        450,
        "",
        _wait("The server puts strangers off at first (greylisting): try again in some minutes.", 5 * MINUTE),
        says="grey",
    ),
)

_CASES = _MICROSOFT_365 + _GOOGLE + _AMAZON + _EXCHANGE_AND_OTHERS

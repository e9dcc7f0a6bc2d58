"""Which setting of the asset to change where no server, but the session or the message itself says what is wrong."""

from __future__ import annotations

from types import MappingProxyType

from message.errors import Fault, Lack, MessageError
from smtp.errors import Reason

_CHECK_THE_PORT = (
    "Check the port: 587 with StartTLS and 465 with SSL are for logging in, 25 usually is not. "
    "A server that wants no login takes auth_type Passwordless."
)
_OWN_AUTHORITY = "If the authority is yours, put its certificate into the asset's ca_bundle"
_ADVICE = MappingProxyType(
    {
        Reason.UNKNOWN_NAME: (
            "Check the field that names it (server, fallback_servers or proxy) for a typing mistake."
        ),
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
            "Choose another way to sign in (auth_type), check sasl_mechanism, or have the server's administrator "
            "enable one of them."
        ),
        Reason.OTHER_MECHANISM: (
            "Leave sasl_mechanism empty, or choose another one: XOAUTH2 and OAUTHBEARER are for OAuth, EXTERNAL for a "
            "client certificate, all others for a password."
        ),
        Reason.NO_LOGIN_OFFERED: _CHECK_THE_PORT,
        Reason.NO_LOGIN_OFFERED_IN_CLEAR: (
            f"Set ssl_config to StartTLS or SSL: most servers offer a login only then. {_CHECK_THE_PORT}"
        ),
    }
)


def advice(reason: Reason) -> str:
    """Which setting of the asset to change where no reply, but the session itself says what is wrong; "" for none."""
    return _ADVICE.get(reason, "")


_LACKS = MappingProxyType(
    {
        Lack.SENDER: ": give the from parameter, a From in headers, or the asset's sender address",
        Lack.UNICODE: ", and the asset's setting 'Enable Unicode support' is off",
        Lack.CERTIFICATE: ": add it to the asset's smime_recipients",
        Lack.ALLOWED: ": the asset's allowed_recipients does not name it",
        Lack.NOT_DENIED: ": the asset's denied_recipients names it",
        Lack.ROOM: " (the asset's max_recipients)",
        Lack.SMTPUTF8: " and the asset's setting 'Enable SMTPUTF8 support'",
    }
)


def with_settings(error: MessageError) -> str:
    """The error's text, with the setting or parameter by which each fault can be mended."""
    return str(MessageError(map(advised, error.faults)))


def advised(fault: Fault) -> Fault:
    """The fault with the setting or parameter by which it can be mended."""
    return fault._replace(text=fault.text + _LACKS[fault.lack], lack=None) if fault.lack else fault

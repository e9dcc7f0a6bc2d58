"""Dapr's own documentation of the binding, word for word: a component and a request."""

from __future__ import annotations

COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: smtp
  namespace: default
spec:
  type: bindings.smtp
  version: v1
  metadata:
  - name: host
    value: "smtp host" 
  - name: port
    value: "smtp port"
  - name: user
    value: "username"
  - name: password
    value: "password"
  - name: skipTLSVerify
    value: true|false
  - name: emailFrom
    value: "sender@example.com"
  - name: emailTo
    value: "receiver@example.com"
  - name: emailCC
    value: "cc@example.com"
  - name: emailBCC
    value: "bcc@example.com"
  - name: subject
    value: "subject"
"""  # noqa: W291 - as it is

REQUEST = """\
{
  "operation": "create",
  "metadata": {
    "emailTo": "dapr-smtp-binding@example.net",
    "emailCC": "cc1@example.net; cc2@example.net",
    "subject": "Email subject"
  },
  "data": "Testing Dapr SMTP Binding"
}
"""


def component(host: str, port: int, skip_tls_verify: bool = True) -> str:
    """The component with what it leaves to whoever uses it filled in."""
    text = COMPONENT.replace("smtp host", host).replace("smtp port", str(port))
    return text.replace("true|false", str(skip_tls_verify).lower())

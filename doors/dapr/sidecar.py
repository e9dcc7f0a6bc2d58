"""Dapr's bindings API without Dapr: a request names a component and an operation. What HTTP and gRPC share."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import compare_digest

from doors.dapr.binding import CREATE, Answer, Binding, InvokeError, Why
from doors.dapr.resources import TYPE, Resources

TOKEN_HEADER = "dapr-api-token"  # noqa: S105 - a header's name
TOKEN_VARIABLE = "DAPR_API_TOKEN"  # noqa: S105 - a variable's name
INVALID_TOKEN = "invalid api token"  # noqa: S105 - what is said of one


@dataclass(frozen=True, slots=True)
class Registered:
    """A component as Dapr's metadata API tells of it."""

    name: str
    type: str
    version: str


class Sidecar:
    """The components of a folder, for every program that may ask. Used by many threads at once."""

    def __init__(self, resources: Resources, binding: Binding, version: str) -> None:
        self._resources = resources
        self._binding = binding
        self._token = os.environ.get(TOKEN_VARIABLE, "")
        self.version = version
        """Of this program; Dapr's clients ask for the runtime's."""

    @property
    def wants_token(self) -> bool:
        return bool(self._token)

    def lets_in(self, token: str) -> bool:
        """Whether whoever shows this token may ask; "" is none."""
        return not self._token or compare_digest(token.encode(), self._token.encode())

    def registered(self) -> list[Registered]:
        return [Registered(one.name, TYPE, one.version) for one in self._resources.components.values()]

    def invoke(self, name: str, operation: str, metadata: Mapping[str, str], text: str) -> Answer:
        """Raises `InvokeError` with the text that Dapr itself would give."""
        try:
            return self._invoke(name, operation, metadata, text)
        except InvokeError as error:
            raise InvokeError(error.why, f"error invoking output binding {name}: {error}") from error

    def _invoke(self, name: str, operation: str, metadata: Mapping[str, str], text: str) -> Answer:
        if not operation:
            raise InvokeError(Why.BAD_METADATA, "operation field is missing from request")
        if name in self._resources.broken:
            raise InvokeError(Why.REFUSED, self._resources.broken[name])
        component = self._resources.components.get(name)
        if component is None:
            raise InvokeError(Why.REFUSED, f"couldn't find output binding {name}")
        check_operation(name, operation)
        return self._binding.invoke(component, metadata, text)


def check_operation(name: str, operation: str) -> None:
    """Raises `InvokeError`."""
    if operation != CREATE:
        text = f"binding {name} does not support operation {operation}. supported operations:{CREATE}"
        raise InvokeError(Why.BAD_METADATA, text)


def unquoted(data: bytes) -> str:
    """The text of a request's data: a JSON string is its text, anything else is what it is.

    Over HTTP a text comes as JSON, over gRPC as its octets or, from some clients, as JSON too. Raises `InvokeError`
    for octets that are not UTF-8.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvokeError(Why.BAD_METADATA, "smtp binding error: data has to be UTF-8") from error
    if text.startswith('"'):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return text
        if isinstance(value, str):
            return value
    return text

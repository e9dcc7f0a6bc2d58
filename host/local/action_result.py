"""The embedded host's ActionResult: what became of one parameter set, in the platform's shape."""

from __future__ import annotations

from typing import Any


class ActionResult:
    """The part of the platform's class that apps use, with its names, and with its formatting of messages."""

    def __init__(self, param: dict[str, Any] | None = None) -> None:
        self._param = {} if param is None else param
        self._status = False
        self._message = ""
        self._data: list[dict[str, Any]] = []
        self._summary: dict[str, Any] = {}

    def set_status(
        self, status_code: bool, status_message: str = "", exception: Exception | None = None
    ) -> bool:
        """`status_message` is a format string: braces that are meant are doubled."""
        self._status = bool(status_code)
        self._message = status_message.format()
        if exception is not None:
            self.append_to_message(f" {type(exception).__name__}: {exception}")
        return self._status

    def get_status(self) -> bool:
        return self._status

    def get_message(self) -> str:
        return self._message

    def append_to_message(self, text: str) -> None:
        self._message += text

    def add_data(self, item: dict[str, Any]) -> None:
        self._data.append(item)

    def get_data(self) -> list[dict[str, Any]]:
        return self._data

    def set_summary(self, summary: dict[str, Any]) -> None:
        self._summary = summary

    def update_summary(self, summary: dict[str, Any]) -> dict[str, Any]:
        self._summary.update(summary)
        return self._summary

    def get_summary(self) -> dict[str, Any]:
        return self._summary

    def get_param(self) -> dict[str, Any]:
        return self._param

    def update_param(self, param: dict[str, Any]) -> None:
        self._param.update(param)

    def get_dict(self) -> dict[str, Any]:
        """As it stands in `result_data`."""
        return {
            "data": self._data,
            "status": "success" if self._status else "failed",
            "message": self._message,
            "parameter": self._param,
            "summary": self._summary,
        }

"""`phantom.action_result`: messages are format strings, and whatever isn't of the right type is refused."""

from __future__ import annotations

import json
from typing import Any


class ActionResult:
    def __init__(self, param: dict[str, Any] | None = None) -> None:
        if param is not None and type(param) is not dict:
            raise TypeError(f"param has to be a dict, not {type(param).__name__}")
        self._param = param or {}
        self._status = False
        self._message = ""
        self._data: list[Any] = []
        self._summary: dict[str, Any] = {}

    def set_status(self, status_code: bool, status_message: str = "", exception: object = None) -> bool:
        if not isinstance(status_code, bool) or not isinstance(status_message, str):
            raise TypeError("set_status takes a bool and a str")
        self._status = status_code
        self._message = status_message.format()
        if exception is not None:
            self._message += f" {exception}"
        return status_code

    def append_to_message(self, text: str) -> None:
        self._message += text

    def get_status(self) -> bool:
        return self._status

    def get_message(self) -> str:
        return self._message

    def add_data(self, item: dict[str, Any]) -> None:
        if not isinstance(item, dict):
            raise TypeError("add_data takes a dict")
        json.dumps(item, allow_nan=False)  # it has to be stored
        self._data.append(item)

    def get_data(self) -> list[Any]:
        return self._data

    def get_data_size(self) -> int:
        return len(self._data)

    def set_summary(self, summary: dict[str, Any]) -> None:
        self._summary = dict(summary)

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
        return {
            "status": "success" if self._status else "failed",
            "message": self._message,
            "parameter": self._param,
            "data": self._data,
            "summary": self._summary,
        }

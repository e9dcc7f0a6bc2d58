"""`phantom.base_connector`: what the platform does around an app's methods, in its order."""

from __future__ import annotations

import inspect
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import encryption_helper

from phantom.action_result import ActionResult

Fields = dict[str, Any]
Validator = Callable[[str], bool]

# One address and nothing else, which is why lists of addresses need a validator of the app's own.
_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+")


class BaseConnector:
    def __init__(self) -> None:
        self.__input: Fields = {}
        self.__config: Fields = {}
        self.__app_json: Fields = {}
        self.__results: list[ActionResult] = []
        self.__status = True
        self.__message = ""
        self.__cancelled = False
        self.__validators: dict[str, Validator] = {"email": lambda text: bool(_EMAIL.fullmatch(text))}

    # What an app overrides.

    def initialize(self) -> bool:
        return True

    def handle_action(self, param: Fields) -> bool:
        raise NotImplementedError

    def finalize(self) -> bool:
        return True

    def handle_cancel(self) -> None:
        """Called by a signal."""

    def handle_exception(self, exception: Exception) -> None:
        """Called with what `handle_action` let through."""

    # What an app calls.

    def get_config(self) -> Fields:
        return self.__config

    def get_app_json(self) -> Fields:
        return self.__app_json

    def get_asset_id(self) -> str:
        return str(self.__input["asset_id"])

    def get_container_id(self) -> str:
        return str(self.__input["container_id"])

    def get_action_identifier(self) -> str:
        return str(self.__input["identifier"])

    def get_phantom_base_url(self) -> str:
        return os.environ["PHANTOM_BASE_URL"]

    def get_phantom_home(self) -> str:
        return os.environ["PHANTOM_HOME"]

    def get_ca_bundle(self) -> str:
        return f"{os.environ['PHANTOM_HOME']}/etc/cacerts.pem"

    def load_state(self) -> Fields | None:
        try:
            state: Fields = json.loads(self.__state_file.read_text())
        except FileNotFoundError:
            return {"app_version": self.__app_json["app_version"]}
        except ValueError:
            return None
        return state

    def save_state(self, state: Fields) -> None:
        if not isinstance(state, dict):
            raise TypeError("save_state takes a dict")
        self.__state_file.parent.mkdir(parents=True, exist_ok=True)
        self.__state_file.write_text(json.dumps({**state, "app_version": self.__app_json["app_version"]}))

    def save_progress(self, progress_str_const: str, *args: object, **kwargs: object) -> None:
        self.__tell("progress", progress_str_const.format(*args, **kwargs))

    def send_progress(self, progress_str_const: str, *args: object, **kwargs: object) -> None:
        self.__tell("passing", progress_str_const.format(*args, **kwargs))

    def debug_print(self, tag: str, dump_object: object = "") -> None:
        self.__tell("debug", f"{tag.format()} {dump_object}")

    def error_print(self, tag: str, dump_object: object = "") -> None:
        self.__tell("error", f"{tag.format()} {dump_object}")

    def set_status(self, status_code: bool, status_message: str = "", exception: object = None) -> bool:
        if not isinstance(status_code, bool):
            raise TypeError("set_status takes a bool")
        self.__status, self.__message = status_code, status_message.format()
        return status_code

    def set_validator(self, contains: str, validator: Validator) -> None:
        self.__validators[contains] = validator

    def is_action_cancelled(self) -> bool:
        return self.__cancelled

    def add_action_result(self, action_result: ActionResult) -> ActionResult:
        if not isinstance(action_result, ActionResult):
            raise TypeError("add_action_result takes an ActionResult")
        self.__results.append(action_result)
        return action_result

    # What the platform calls.

    def _handle_action(self, in_json: str, handle: object) -> str:
        self.__input = json.loads(in_json)
        self.__load_app_json()
        for name, variable in self.__input["environment_variables"].items():
            os.environ[name] = variable["value"]
        self.__config = self.__decrypted(self.__input["config"])
        signal.signal(signal.SIGTERM, self.__on_signal)
        if self.initialize():
            for param in self.__input["parameters"]:
                self.__one(param)
        else:
            self.__status = False
        self.finalize()
        return self.__result()

    def __one(self, param: Fields) -> None:
        try:
            if self.validate_parameters(param):
                self.handle_action(param)
        except Exception as error:  # noqa: BLE001 - the platform hands all of them to the app
            self.__status = False
            self.handle_exception(error)

    def validate_parameters(self, param: Fields) -> bool:
        """Refuse what the manifest does not allow, each `contains` by its validator."""
        (action,) = (a for a in self.__app_json["actions"] if a["identifier"] == self.__input["identifier"])
        for name, declared in action["parameters"].items():
            value = param.get(name)
            if value in (None, ""):
                if declared["required"]:
                    return self.__refused(param, f"{name} is required")
                continue
            validators = [
                self.__validators[c] for c in declared.get("contains", ()) if c in self.__validators
            ]
            texts = value if isinstance(value, list) else [value]
            if not all(validator(text) for validator in validators for text in texts):
                return self.__refused(param, f"{name} failed the validation of what it contains")
        return True

    def __refused(self, param: Fields, message: str) -> bool:
        result = self.add_action_result(ActionResult(dict(param)))
        return result.set_status(False, message.replace("{", "{{").replace("}", "}}"))

    def __decrypted(self, config: Fields) -> Fields:
        """The asset's fields with its passwords in clear: the platform stores and sends them encrypted."""
        declared = self.__app_json["configuration"]
        return {
            name: encryption_helper.decrypt(value, self.get_asset_id())
            if value and declared.get(name, {}).get("data_type") == "password"
            else value
            for name, value in config.items()
        }

    def __load_app_json(self) -> None:
        """The manifest is the JSON file beside the app's class that names this module."""
        module = Path(inspect.getfile(self.__class__))
        for path in module.parent.glob("*.json"):
            content = json.loads(path.read_text())
            if content.get("main_module") == module.name:
                self.__app_json = content
                return
        raise FileNotFoundError("Could not load Connector")

    def __on_signal(self, _number: int, _frame: object) -> None:
        self.__cancelled = True
        self.handle_cancel()

    @property
    def __state_file(self) -> Path:
        folder = Path(os.environ["PHANTOM_HOME"], "local_data", "app_states", self.__app_json["appid"])
        return folder / f"{self.get_asset_id()}_state.json"

    def __result(self) -> str:
        good = sum(result.get_status() for result in self.__results)
        status = self.__status and good > 0
        message = self.__message or f"{good} of {len(self.__results)} actions succeeded"
        return json.dumps(
            {
                "identifier": self.__input["identifier"],
                "status": "success" if status else "failed",
                "message": message,
                "result_data": [result.get_dict() for result in self.__results],
                "result_summary": {
                    "total_objects": len(self.__results),
                    "total_objects_successful": good,
                },
            },
            allow_nan=False,
        )

    def __tell(self, kind: str, text: str) -> None:
        sys.stderr.write(json.dumps({kind: text}) + "\n")
        sys.stderr.flush()

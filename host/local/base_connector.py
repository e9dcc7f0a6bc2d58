"""The embedded host's BaseConnector: an app that is derived from it runs as it would on the platform.

What it keeps to: the input and result JSON, `initialize` once, then the parameter sets one after the other, then
`finalize`; texts that pass through `str.format`; environment variables of the input; a signal that calls
`handle_cancel`; and an exception of the app that becomes a failed result, never a traceback.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from delivery.asset import Asset
from host.braces import double_braces
from host.local.action_result import ActionResult
from host.local.environment import environment
from host.local.home import HOME_VARIABLE, Home, Homes
from host.local.ledger import Heading
from host.local.results import document
from host.local.run import LocalContext, first_signal
from host.local.streams import say
from host.manifest.model import load
from host.manifest.validation import unnamed_asset_id
from smtp.transcript import Transcript

Parameters = dict[str, Any]


class BadInput(ValueError):
    """The input JSON is not what the platform sends."""


def to_standard_error(text: str) -> None:
    """Where progress goes when nobody asked for it elsewhere: standard output is for the result."""
    say(text)


def _to_nobody(_result: ActionResult) -> None:
    """The result comes with the others, at the end."""


def _sent_unseen(_octets: int, _size: int) -> None:
    """A large message leaves as silently as a small one."""


class BaseConnector:
    """The part of the platform's class that this app uses, with its names.

    `show_progress` receives each progress text, `show_result` each action result as soon as it is complete,
    `show_sent` how many octets of a large message, of how many, have left; replace them to show a run
    elsewhere than on standard error.
    """

    def __init__(self) -> None:
        self.configuration_error = ""
        self.show_progress: Callable[[str], None] = to_standard_error
        self.show_result: Callable[[ActionResult], None] = _to_nobody
        self.show_sent: Callable[[int, int], None] = _sent_unseen
        self._input: dict[str, Any] = {}
        self._results: list[ActionResult] = []
        self._status = True
        self._message = ""
        self._is_cancelled = False
        self.has_begun = False
        """Whether a run has been begun: from then on mail may have been sent."""

    # What an app overrides.

    def initialize(self) -> bool:
        """Called once, before the first parameter set; False ends the run."""
        return True

    def handle_action(self, param: Parameters) -> bool:
        """Called for each parameter set; adds an action result and returns its status."""
        raise NotImplementedError

    def handle_all(self, parameters: list[Parameters]) -> None:
        """All parameter sets, one after the other: this host's own hook, for an app that does better together."""
        for param in parameters:
            self.handle_action(param)
            self.show_result(self._results[-1])

    def finalize(self) -> bool:
        """Called once, at the end."""
        return True

    def handle_cancel(self) -> None:
        """Called from the signal handler when somebody stops the run; `is_action_cancelled` is true by then."""

    def handle_exception(self, exception: Exception) -> None:
        """Called with what the app's methods raised."""
        self.set_status(
            False, double_braces(f"The action ended because of an unexpected {type(exception).__name__}.")
        )

    # What an app calls.

    def get_action_identifier(self) -> str:
        return str(self._input.get("identifier") or self._input.get("action") or "")

    def get_config(self) -> dict[str, Any]:
        return dict(self._input.get("config") or {})

    def get_asset_id(self) -> str:
        """The asset's id; for an asset that has none, a digest of what its remembered tokens belong to."""
        return self.get_given_asset_id() or unnamed_asset_id(self.get_config())

    def get_given_asset_id(self) -> str:
        """The same, "" for an asset that has none: this host's own."""
        return str(self._input.get("asset_id") or "")

    def get_container_id(self) -> str:
        value = self._input.get("container_id")
        return "" if value is None else str(value)

    def add_action_result(self, action_result: ActionResult) -> ActionResult:
        self._results.append(action_result)
        return action_result

    def set_status(
        self, status_code: bool, status_message: str = "", exception: Exception | None = None
    ) -> bool:
        """The run's own status, beside those of its results. `status_message` is a format string."""
        self._status = bool(status_code)
        self._message = status_message.format()
        if exception is not None:
            self._message += f" {type(exception).__name__}: {exception}"
        return self._status

    def save_progress(self, progress_str_const: str, *args: object, **kwargs: object) -> None:
        """Tell the user; the first argument is a format string."""
        self.show_progress(progress_str_const.format(*args, **kwargs))

    def is_action_cancelled(self) -> bool:
        return self._is_cancelled

    # What the platform calls.

    def _handle_action(self, in_json: str, handle: object) -> str:  # noqa: ARG002 - the platform's signature
        """Run the action that the input JSON describes. Returns the result as JSON, whatever happens."""
        self._input, self._results = {}, []
        self._status, self._message, self._is_cancelled = True, "", False
        try:
            parameters = self._take(in_json)
        except BadInput as error:
            self.set_status(False, double_braces(str(error)))
            return self._result()
        try:
            with environment(self._input.get("environment_variables")), first_signal(self._stop):
                self.has_begun = True
                self._run_all(parameters)
        except KeyboardInterrupt:
            self.set_status(False, "The run was interrupted.")
        except Exception as error:  # noqa: BLE001 - the platform hands every exception to the app
            self.handle_exception(error)
        return self._result()

    def _run_all(self, parameters: list[Parameters]) -> None:
        try:
            if self.initialize():
                self.handle_all(parameters)
            else:
                self._status = False
        finally:
            self.finalize()

    def _take(self, in_json: str) -> list[Parameters]:
        try:
            given = json.loads(in_json, parse_constant=_no_constant)
        except RecursionError as error:
            raise BadInput("The input is JSON that is nested too deeply.") from error
        except ValueError as error:
            raise BadInput(f"The input is not JSON that can be read: {error}.") from error
        if not isinstance(given, dict) or not isinstance(given.get("config") or {}, dict):
            raise BadInput("The input is not a JSON object with a config object.")
        parameters = given.get("parameters")
        if not isinstance(parameters, list) or not all(isinstance(item, dict) for item in parameters):
            raise BadInput("The input's parameters are not a list of JSON objects.")
        self._input = given
        return parameters or [{}]

    def _result(self) -> str:
        results = [result.get_dict() for result in self._results]
        return json.dumps(document(self.get_action_identifier(), results, self._status, self._message))

    def _stop(self, _signal: int) -> None:
        self._is_cancelled = True
        self.handle_cancel()


class HostContext(LocalContext):
    """The same for an app that is derived from this host's BaseConnector, as it would be from the platform's."""

    def __init__(self, connector: BaseConnector, asset: Asset, home: Home) -> None:
        action = load().action(connector.get_action_identifier())
        heading = Heading(action.name, "", connector.get_given_asset_id(), connector.get_container_id())
        super().__init__(asset, heading, home, _Shown(connector))
        self._connector = connector

    def is_cancelled(self) -> bool:
        return super().is_cancelled() or self._connector.is_action_cancelled()


class Host:
    """This machine, for as long as the process lives: its runs share what is open in the data folders."""

    def __init__(self) -> None:
        self.homes = Homes()

    def context(self, connector: BaseConnector, asset: Asset) -> HostContext:
        """That of a run of this connector."""
        return HostContext(connector, asset, self.homes[os.environ.get(HOME_VARIABLE, "")])


class _Shown:
    """Whoever the connector shows its run to."""

    def __init__(self, connector: BaseConnector) -> None:
        self._connector = connector

    def progress(self, text: str) -> None:
        self._connector.save_progress(double_braces(text))

    def sent(self, octets: int, size: int) -> None:
        self._connector.show_sent(octets, size)

    def session_ended(self, transcript: Transcript) -> None:
        """The platform has nowhere to show it."""

    def finished(self, success: bool, message: str) -> None:
        """The connector shows its results itself."""


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON value")

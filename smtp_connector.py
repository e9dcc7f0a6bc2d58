"""Where SOAR enters: the connector class, and the command line when it is run as a script.

Python reads the whole of a file before it runs a line of it. So that one which is too old can say so, this file has
nothing that Python 2.7 can't read, and its types are in comments. No other file is like that.
"""

# ruff: noqa: E402, F401 - what has to be done before the imports; names that stand in types alone
import gc
import os
import sys

if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036
        _found = ".".join(str(number) for number in sys.version_info[:3])
        sys.stderr.write("smtp_connector.py: Python 3.11 or newer is needed; this is " + _found + ".\n")
        sys.exit(2)

    def _stop(_number, _frame):
        # type: (int, object) -> NoReturn
        # Nothing is open yet. An exception would be lost where an import lets go of its lock.
        os.write(2, b"smtp_connector.py: Interrupted.\n")
        os._exit(1)

    gc.disable()  # what is being loaded stays to the end: to look through it for garbage takes a tenth of the start
    try:
        import signal

        # Not where interruptions are ignored.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _stop)
    except KeyboardInterrupt:  # that takes a moment, too
        sys.exit("smtp_connector.py: Interrupted.")

from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

# The platform's own folders come before the app's on the module path, so that a module of the platform called
# `auth` or `message` would be imported instead of ours. Once installed as a package, nothing of ours has such a name.
_FOLDER = str(Path(__file__).resolve().parent)
if sys.path[0] != _FOLDER and __name__ != "smtp_connector.app":
    sys.path.insert(0, _FOLDER)

from actions.contract import HostError, VaultError
from delivery.pool import Pool
from host.action_run import ActionRun
from host.braces import double_braces
from host.manifest.model import UnknownAction, load
from host.manifest.validation import InvalidInput, parse_asset, unknown_fields
from host.switch import ActionResult, BaseConnector, Host
from host.unforeseen import advice
from smtp.errors import MailError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike

    from actions.contract import Report
    from doors.python.act import ParameterSet, Results
    from doors.python.email_connection import (
        EmailConnection,
        MultipartBody,
        Request,
        Response,
        SendFailed,
        load_config,
    )
    from host.local.files import StoreError
    from host.local.inputs import InputError

__all__ = [
    "POOL",
    "EmailConnection",
    "InputError",
    "MultipartBody",
    "Request",
    "Response",
    "SendFailed",
    "SmtpConnector",
    "StoreError",
    "UnknownAction",
    "VaultError",
    "act",
    "load_config",
]

Parameters = dict[str, Any]

POOL = Pool()
"""The sessions that all runs of this process share."""
HOST = Host()
"""Where they run, and what they share of it."""


class SmtpConnector(BaseConnector):
    """Runs the manifest's actions. What they do is in `actions/`, found by the action's identifier."""

    def __init__(self):
        # type: () -> None
        super().__init__()
        self._action_run = None  # type: ActionRun | None
        self.configuration_error = ""
        """What is wrong with the asset or the action asked for, when `initialize` failed because of it."""

    def initialize(self):
        # type: () -> bool
        """Read the asset and find the action; nothing is sent or connected yet."""
        if self._action_run is not None:
            return True  # some hosts ask again before every parameter set
        if hasattr(self, "set_validator"):
            # The platform would take a whole list of recipients for one address, and refuse it. Splunk's mock
            # of the platform has the method, but refuses to do anything.
            with suppress(NotImplementedError):
                self.set_validator("email", lambda _value: True)
        manifest = load()
        try:
            action = manifest.action(self.get_action_identifier())
            asset = parse_asset(self.get_config(), str(self.get_asset_id()), manifest)
        except (UnknownAction, InvalidInput) as error:
            return self._refuse(str(error))
        context = HOST.context(self, asset)
        for warning in unknown_fields(self.get_config(), manifest):
            context.progress(warning)
        try:
            self._action_run = ActionRun(action, context, POOL)
        except MailError as error:
            return self._refuse(" ".join([error.text, error.hint]).strip())
        return True

    def _refuse(self, reason):
        # type: (str) -> bool
        self.configuration_error = reason
        return self.set_status(False, double_braces("Nothing was sent. " + reason))

    def handle_action(self, param):
        # type: (Parameters) -> bool
        """One parameter set, one action result."""
        if self._action_run is None:  # some hosts go on although `initialize` failed
            result = self.add_action_result(ActionResult(dict(param)))
            return _conclude(result, False, "Nothing was sent. " + self.configuration_error)
        report = self._action_run.one(param)
        self._add(param, report)
        return report.success

    def handle_all(self, parameters):
        # type: (list[Parameters]) -> None
        """All parameter sets at once, from a host that has them all: several messages are under way at a time."""
        if self._action_run is None:
            super().handle_all(parameters)
            return
        try:
            for param, report in zip(parameters, self._action_run.every(parameters), strict=True):
                self.show_result(self._add(param, report))
        except HostError as error:  # it could not be begun
            self.finalize()
            self._refuse(str(error))
            super().handle_all(parameters)

    def _add(self, param, report):
        # type: (Parameters, Report) -> ActionResult
        result = self.add_action_result(ActionResult(dict(param)))
        for item in report.data:
            result.add_data(item)
        result.set_summary(dict(report.summary))
        _conclude(result, report.success, report.message)
        return result

    def finalize(self):
        # type: () -> bool
        """Close the session with the server, if there is one."""
        if self._action_run is not None:
            self._action_run.close()
            self._action_run = None
        return True

    def handle_cancel(self):
        # type: () -> None
        """Stop as soon as that can be done with the truth about what was sent; called from a signal handler."""
        if self._action_run is not None:
            self._action_run.cancel()

    def handle_exception(self, exception):
        # type: (Exception) -> None
        """What no action result speaks for; `ActionRun` lets nothing through, so this is a mistake of ours."""
        text = "The connector failed unexpectedly (" + type(exception).__name__ + "). " + advice(exception)
        self.set_status(False, double_braces(text))


def __getattr__(name):
    # type: (str) -> Any
    """What `act` raises and the platform has not, and the door of `EmailConnection`, when it is asked for."""
    if name == "InputError":
        return import_module("host.local.inputs").InputError
    if name == "StoreError":
        return import_module("host.local.files").StoreError
    if name in __all__:
        return getattr(import_module("doors.python.email_connection"), name)
    raise AttributeError("module " + repr(__name__) + " has no attribute " + repr(name))


def _conclude(result, success, text):
    # type: (ActionResult, bool, str) -> bool
    """Give the result its status. Not every host formats the message, and braces may have come from a server."""
    message = double_braces(text)
    result.set_status(success, message)
    if result.get_message() == message != text:
        result.set_status(success, text)
    return success


def act(
    action,  # type: str
    parameters,  # type: ParameterSet | Sequence[ParameterSet]
    asset,  # type: str | PathLike[str] | Mapping[str, Any]
    container_id="",  # type: str | int
    progress=None,  # type: Callable[[str], None] | None
):
    # type: (...) -> Results
    """Run an action off the platform, by name or identifier, over one parameter set or several, in one session.

    `asset` is a stored asset's name, a JSON file, or the fields themselves. Parameters are the action's, and besides:
    a path or octets for any text, in UTF-8; a path, or a pair of name and octets, for a file to attach; an
    `EmailMessage` for `raw_email`, or for the whole parameter set of `send rawemail`.

    What goes wrong with sending is in the results. Raises `InputError`, `UnknownAction`, `StoreError` and `VaultError`
    for a call that can't be begun: nothing was sent. `progress` is called with each step's text.
    """
    # By name, as below: the package for the platform leaves out what is of no use there.
    run = import_module("doors.python.act").act  # type: Callable[..., Results]
    return run(action, parameters, asset, container_id, pool=POOL, homes=HOST.homes, progress=progress)


if __name__ == "__main__":
    _main = import_module("doors.cli.command_line").main
    if signal.getsignal(signal.SIGINT) is _stop:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.freeze()
    gc.enable()
    sys.exit(_main(sys.argv[1:], POOL))

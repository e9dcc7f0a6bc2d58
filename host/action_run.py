"""One action run: parameter sets in, reports out. The one place where exceptions become reports."""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from actions.contract import ActionError, Context, HostError, Report, VaultError, failure, no_delivery
from host.manifest.model import Action
from host.manifest.validation import InvalidInput, Rules

T = TypeVar("T")


class RunContext(Context, Protocol):
    """A context that its run can end."""

    def cancel(self) -> None: ...

    def close(self) -> None: ...


class ActionRun:
    """An action, found by its identifier, over the parameter sets of one run."""

    def __init__(self, action: Action, context: RunContext) -> None:
        self.action = action
        self._context = context
        self._rules = Rules(action.parameters, "parameter")

    def one(self, parameters: object) -> Report:
        """What became of one parameter set, as the platform gave it. Raises nothing."""
        typed = self._attempt(partial(self._typed, parameters), handed_over=False)
        if isinstance(typed, Report):
            return typed
        return self._attempt(partial(self._run, typed), handed_over=True)

    def every(self, parameter_sets: Iterable[object]) -> Iterator[Report]:
        """What became of each parameter set, in order. What the action can prepare is sent several at a time."""
        waiting = iter(parameter_sets)
        if not self._can_prepare:
            yield from map(self.one, waiting)
            return
        # A place for each set that was taken and not reported: its report, or None while it is under way.
        places: deque[Report | None] = deque()
        try:
            for report in self._send_many(self._context, self._prepared(waiting, places)):
                while (known := places.popleft()) is not None:
                    yield known
                yield report
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - as in `_attempt`
            lost = self._failure(error, handed_over=True)
            yield from (known or lost for known in places)
            yield from map(self.one, waiting)
        else:
            yield from filter(None, places)

    def _prepared(self, waiting: Iterator[object], places: deque[Report | None]) -> Iterator[Any]:
        for parameters in waiting:
            places.append(None)
            prepared = self._attempt(partial(self._prepare, parameters), handed_over=False)
            if isinstance(prepared, Report):
                places[-1] = prepared
            else:
                yield prepared

    def _typed(self, parameters: object) -> Any:
        if self._context.is_cancelled():
            raise ActionError(
                self._not_sent(
                    "It was cancelled before it began.", step="start", category="cancelled", retryable=True
                )
            )
        return self._module.Parameters.parse(self._rules.read(parameters))

    def _prepare(self, parameters: object) -> Any:
        return self._module.prepare(self._typed(parameters), self._context)

    def _run(self, typed: Any) -> Report:
        report: Report = self._module.run(typed, self._context)
        return report

    def _attempt(self, work: Callable[[], T], *, handed_over: bool) -> T | Report:
        """What `work` returns, or the report of why it could not be done. `handed_over`: it may have sent something."""
        try:
            return work()
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - a result is due, a traceback helps no user
            return self._failure(error, handed_over=handed_over)

    def _failure(self, error: Exception | KeyboardInterrupt, *, handed_over: bool) -> Report:
        match error:
            case ActionError():
                return error.report
            case InvalidInput():
                hint = "Correct the parameters named in the message."
                return self._not_sent(str(error), step="parameters", category="input", hint=hint)
            case VaultError():
                hint = "Add the file to the vault, or correct its vault id."
                return self._not_sent(str(error), step="vault", category="input", hint=hint)
            case HostError():
                return self._not_sent(str(error), step="host", category="configuration")
            case KeyboardInterrupt():
                self.cancel()
                return self._unfinished("it was interrupted", "cancelled", "", handed_over)
            case _:
                reason = f"of an unexpected error ({type(error).__name__} at {_place(error)})"
                return self._unfinished(reason, "internal", advice(error), handed_over)

    def cancel(self) -> None:
        """Ask the run to stop; may be called from a signal handler."""
        self._context.cancel()

    def close(self) -> None:
        """Close what the action kept open. Never raises."""
        self._context.close()

    @cached_property
    def _module(self) -> Any:
        # The manifest's identifiers are the only names that come here: see `Manifest.action`.
        return importlib.import_module(f"actions.{self.action.identifier}")

    @property
    def _can_prepare(self) -> bool:
        """Whether it is an action that sends what it has prepared. One that can't be loaded says so for each set."""
        return hasattr(self._attempt(lambda: self._module, handed_over=False), "prepare")

    @property
    def _send_many(self) -> Any:
        return importlib.import_module("actions.send").send_many

    def _not_sent(
        self, reason: str, *, step: str, category: str, hint: str = "", retryable: bool = False
    ) -> Report:
        return self._failed(
            f"Nothing was sent. {reason}",
            "not sent",
            failure(step=step, category=category, hint=hint, retryable=retryable),
        )

    def _unfinished(self, reason: str, category: str, hint: str, handed_over: bool) -> Report:
        """It ended where no end was foreseen: before the action began nothing was sent, afterwards nobody knows."""
        if not handed_over:
            reason = f"It ended because {reason}. {hint}".strip()
            return self._not_sent(reason, step="parameters", category=category, hint=hint)
        doubt = "A message may have been delivered, and was not retried."
        return self._failed(
            f"The action ended because {reason}. {doubt} {hint}".strip(),
            "unknown",
            failure(step="action", category=category, hint=hint),
        )

    def _failed(self, message: str, outcome: str, failed: dict[str, Any]) -> Report:
        if not self.action.output:
            return Report(False, message)
        data = {**no_delivery(), "outcome": outcome, "failure": failed}
        return Report(False, message, [data], {"recipients": 0, "accepted": 0, "refused": 0})


def _place(error: BaseException) -> str:
    """File and line of ours where it came up: no path, no value, nothing that could be a secret."""
    from traceback import walk_tb

    frames = [(Path(frame.f_code.co_filename), line) for frame, line in walk_tb(error.__traceback__)]
    root = Path(__file__).parent.parent
    ours = [
        (path, line)
        for path, line in frames
        if path.is_relative_to(root) and "site-packages" not in path.parts
    ]
    path, line = (ours or frames)[-1]
    return f"{path.name}:{line}"


def advice(error: Exception) -> str:
    """What to do about an error that nobody foresaw."""
    if isinstance(error, ModuleNotFoundError):
        return f"The Python module {error.name} is missing: install the connector's dependencies."
    return "This is a mistake in the connector: please report it with this message."

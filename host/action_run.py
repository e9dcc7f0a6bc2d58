"""One action run: parameter sets in, reports out. The one place where exceptions become reports.

Every parameter set has one report, in order, whatever happens. A set that is prepared becomes an attempt and goes
over the run's session with the others; one that can't be prepared is an attempt with an error, and keeps its place.
"""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from itertools import chain
from types import ModuleType
from typing import TYPE_CHECKING, Any

from actions.contract import KEY, MAY_SIGN_IN, HostError, Report
from actions.report import report, unfinished
from delivery.attempt import Attempt, Outgoing
from delivery.pool import Pool
from delivery.transport import Access, Transport
from delivery.window import deliver
from host.manifest.model import Action
from host.manifest.validation import InvalidInput, rules_of_parameters
from host.run_context import RunContext
from host.unforeseen import advice, because
from message.errors import Fault, MessageError
from smtp.errors import Category, MailError
from smtp.outcome import Outcome

if TYPE_CHECKING:
    from auth.oauth.sign_in import SignIn


DEPENDENCY = "dependency"
"""The step at which a library that is needed was missing."""


class _Repeated(MailError):
    """Nothing went wrong: a mail with the same key and content was sent before, and has its report already."""

    def __init__(self, earlier: Report) -> None:
        super().__init__("It was sent before.", step=KEY, category=Category.INPUT)
        self.earlier = earlier


class ActionRun:
    """An action, found by its identifier, over the parameter sets of one run; they share one session.

    `with closing(ActionRun(…)) as run`. `module` is the action's, where that is none of `actions/`. Raises `MailError`
    for an asset that can't be used: nothing is connected then.
    """

    def __init__(
        self, action: Action, context: RunContext, pool: Pool, module: ModuleType | None = None
    ) -> None:
        self._action = action
        self._context = context
        self._rules = rules_of_parameters(action)
        self._module: Any = module
        self._missing: ImportError | None = None
        """Why the action can't be loaded, which is said for each parameter set."""
        try:
            # The manifest's identifiers are the only names that come here: see `Manifest.action`.
            self._module = module or importlib.import_module(f"actions.{action.identifier}")
        except ImportError as error:
            self._missing = error
        self.prepares = hasattr(self._module, "prepare")
        """Whether the action sends what it has prepared, one mail for each parameter set."""
        access = Access(context.asset, context, context.state, self._sign_in, context.slots, context.pace)
        self._transport = Transport(access, pool)
        self.close = self._transport.close
        """Give back the session. Never raises."""
        self._taken = 0
        """How many parameter sets of the run were taken to be prepared."""

    def one(self, parameters: object) -> Report:
        """Do what one parameter set asks for, as the platform gave it. Raises nothing."""
        try:
            (told,) = self.every([parameters])
        except HostError as error:
            return self._report_failed(error, may_be_sent=False)
        return told

    def preview(self, parameters: object) -> Report:
        """Show what a sending action would send for one parameter set: nothing is connected or written down.

        Raises nothing. The data is that of the action `preview email`.
        """
        from actions.preview import preview, refused  # mails are sent without it

        try:
            return preview(self._prepared(parameters), self._context)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - a result is due
            return refused(self._foreseen(error))

    def every(self, parameter_sets: Sequence[object]) -> Generator[Report, None, None]:
        """Do what each parameter set asks for, and yield a report for each, in order.

        Raises `HostError`, at once, if the run can't be written down: nothing was sent then.
        """
        self._context.journal.begin(parameter_sets)
        return self.each(iter(parameter_sets))

    def each(self, parameter_sets: Iterator[object]) -> Generator[Report, None, None]:
        """Do the same for a run that is written down already, as its parameter sets come."""
        journal = self._context.journal
        self._taken = 0
        try:
            for position, told in enumerate(self._reports(parameter_sets), 1):
                journal.finished(position, told)
                yield told
        finally:
            journal.end()

    def check(self, parameters: object) -> None:
        """Do what can be done with a parameter set without connecting anywhere. Raises `MailError`."""
        self._prepared(parameters)

    def _reports(self, waiting: Iterator[object]) -> Iterator[Report]:
        """Yield a report for each parameter set, in order.

        The delivery keeps the order. `under_way` has what it was given and has not told of: should it end with an
        error that nobody foresaw, these still have to be reported, and those that had not begun are delivered anew.
        """
        if not self.prepares:
            for parameters in waiting:
                yield self._run(parameters)
            return
        under_way: deque[Attempt] = deque()
        while True:
            attempts = chain(tuple(under_way), self._prepare_each(waiting, under_way))
            try:
                for attempt in deliver(self._transport, self._context, attempts):
                    under_way.popleft()
                    yield self._report(attempt)
                return
            except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - each set has its report all the same
                yield from self._report_broken_off(under_way, error)

    @property
    def has_committed(self) -> bool:
        """Whether a message came to the point of no return, so that it may have been sent."""
        return self._transport.committed > 0

    def prepare(self, parameters: object) -> Outgoing:
        """Check one parameter set and return what would be sent. Nothing is connected or written down.

        Raises `MailError`, whatever goes wrong.
        """
        try:
            return self._prepared(parameters)
        except Exception as error:
            raise self._foreseen(error) from error

    def _prepared(self, parameters: object) -> Outgoing:
        """What would be sent. Raises whatever goes wrong."""
        values = self._read(parameters)
        outgoing: Outgoing = self._module.prepare(self._module.Parameters.parse(values), self._context)
        return outgoing

    def cancel(self) -> None:
        """Ask the run to stop; may be called from a signal handler."""
        self._context.cancel()

    def _prepare_each(self, waiting: Iterator[object], under_way: deque[Attempt]) -> Iterator[Attempt]:
        """Yield an attempt for each parameter set, noted in `under_way`; what can't be prepared has ended already."""
        for parameters in waiting:
            self._taken += 1
            attempt = Attempt(position=self._taken)
            under_way.append(attempt)
            try:
                values = self._read(parameters)
                outgoing = self._module.prepare(self._module.Parameters.parse(values), self._context)
                attempt.outgoing = self._context.journal.prepared(attempt.position, outgoing)
                if values.get(KEY, ""):
                    self._claim(attempt.position, values, outgoing)
            except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - a result is due
                attempt.end(error=self._foreseen(error))
            yield attempt

    def _claim(self, position: int, values: Mapping[str, Any], outgoing: Outgoing) -> None:
        """Raises `MailError`, also for a mail that need not be sent because it was sent before."""
        from actions.sameness import content_digest  # few mails have a key

        given = {
            name: value
            for name, value in values.items()
            if value != self._action.parameters[name].default  # so that a new default changes no content
        }
        earlier = self._context.journal.claim(position, values[KEY], content_digest(given, outgoing))
        if earlier is not None:
            raise _Repeated(earlier)

    def _report(self, attempt: Attempt) -> Report:
        if isinstance(attempt.error, _Repeated):
            return attempt.error.earlier
        return report(attempt, self._context.asset)

    def _run(self, parameters: object) -> Report:
        """Run an action that is not one mail for each parameter set."""
        committed = self._transport.committed
        try:
            values = self._read(parameters)
            typed = self._module.Parameters.parse(values)
            told: Report = self._module.run(typed, self._context, self._transport)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - a result is due, a traceback helps no user
            told = self._report_failed(error, may_be_sent=self._transport.committed > committed)
            if self._action.read_only:  # it has no deliveries to tell of
                failure = told.data[0]["failure"]
                return Report(
                    False, told.message, [{"failure": failure}] if failure["step"] == DEPENDENCY else []
                )
        return told

    def _read(self, parameters: object) -> dict[str, Any]:
        """The parameters as the manifest has them. Raises `MailError`, `ImportError`."""
        if self._missing is not None:
            raise self._missing
        if self._context.is_cancelled():
            text = "It was cancelled before it began."
            raise MailError(text, step="start", category=Category.CANCELLED, retryable=True)
        try:
            return self._rules.read(parameters)
        except InvalidInput as error:
            raise self._with_all_faults(error) from error

    def _with_all_faults(self, error: InvalidInput) -> MailError:
        """The error, with what an action finds wrong with all that the manifest allows: everything is told at once."""
        check = getattr(self._module, "prepare", None) or getattr(self._module, "check", None)
        if check is None or not error.rest:
            return error
        from delivery.remedies import advised  # few parameters are wrong

        try:
            check(self._module.Parameters.parse(error.rest), self._context)
        except MessageError as more:
            told = {fault.field for fault in error.faults}
            faults = [*error.faults, *(advised(fault) for fault in more.faults if _is_news(fault, told))]
            return MessageError(faults) if len(faults) > len(error.faults) else error
        except Exception:  # noqa: BLE001 - what is known to be wrong is told, whatever comes of the rest
            return error
        return error

    def _report_broken_off(self, under_way: deque[Attempt], error: BaseException) -> Iterator[Report]:
        """Tell of those that the error may concern; those that no session had taken stay, and are delivered yet."""
        if under_way:
            under_way[0].is_begun = True  # one ends with every error, so that there is an end
        while any(attempt.is_begun for attempt in under_way):
            attempt = under_way.popleft()
            if attempt.has_ended:
                yield self._report(attempt)
            else:
                yield self._report_failed(error, may_be_sent=attempt.is_committed)

    def _report_failed(self, error: BaseException, *, may_be_sent: bool) -> Report:
        known = self._foreseen(error)
        if not may_be_sent:
            return unfinished(known, Outcome.NOT_SENT, f"Nothing was sent. {known.text}")
        known.step, known.retryable = "action", False
        doubt = "A message may have been delivered, and was not retried."
        return unfinished(known, Outcome.UNKNOWN, f"{because(error)} {doubt} {known.hint}".strip())

    def _foreseen(self, error: BaseException) -> MailError:
        """Whatever was raised, as an error with the facts that a result tells."""
        if isinstance(error, MailError):
            return error
        if isinstance(error, ModuleNotFoundError):
            return MailError(advice(error), step=DEPENDENCY, category=Category.CONFIGURATION)
        hint, category = "", Category.CANCELLED
        if isinstance(error, KeyboardInterrupt):
            self.cancel()
        else:
            hint, category = advice(error), Category.INTERNAL
        text = because(error).replace("The action", "It", 1)
        return MailError(f"{text} {hint}".strip(), step="parameters", category=category, hint=hint)

    def _sign_in(self) -> SignIn | None:
        """A person may be asked to sign in where the action says that one is watching."""
        if not getattr(self._module, MAY_SIGN_IN, False):
            return None
        from auth.oauth.sign_in import SignIn  # with a password nobody pays for it

        redirect = self._context.redirect
        return (
            SignIn(self._context.is_cancelled, redirect) if redirect else SignIn(self._context.is_cancelled)
        )


def _is_news(fault: Fault, told: Collection[str]) -> bool:
    """Whether it isn't what follows from a parameter that is told of already."""
    return fault.is_of_account or fault.field not in (*told, "")

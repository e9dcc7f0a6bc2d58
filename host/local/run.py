"""One action run on this machine: from what somebody asked for to its result, recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delivery.asset import Asset
from delivery.pool import Pool
from host.action_run import ActionRun
from host.local.context import LocalContext, Watcher
from host.local.files import StoreError, timestamp
from host.local.home import Home
from host.local.inputs import GivenAsset, InputError
from host.local.results import Document, document
from host.local.signals import first_signal
from host.local.spool import RecordedRun
from host.manifest.asset_fields import parse_asset, unknown_fields, unnamed_asset_id
from host.manifest.model import Action, Manifest
from host.manifest.validation import InvalidInput
from smtp.errors import MailError


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be run; the asset's fields were checked.

    `asset_called` is what an error calls it; `asset_name` is "" for one that is not stored.
    """

    action: Action
    asset: Asset
    asset_called: str
    asset_name: str
    parameters: Sequence[Mapping[str, Any]]
    container_id: str = ""
    warnings: Sequence[str] = ()


def make_request(
    action: Action,
    given: GivenAsset,
    parameters: Sequence[Mapping[str, Any]],
    container_id: str,
    manifest: Manifest,
) -> Request:
    """Raises `InputError` for what can't be used, in the asset or as a parameter set: nothing has begun then."""
    asset = read_asset(given, manifest)
    try:
        json.dumps(parameters, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"The parameters can't be written as JSON: {error}.") from error
    warnings = unknown_fields(given.config, manifest)
    return Request(action, asset, given.called, given.name, parameters, container_id, warnings)


def read_asset(given: GivenAsset, manifest: Manifest) -> Asset:
    """The asset of these fields. Raises `InputError` with everything that is wrong with them."""
    try:
        return parse_asset(given.config, given.id or unnamed_asset_id(given.config), manifest)
    except InvalidInput as error:
        raise InputError(f"The asset {given.called} is not right: {error}.") from error


class LocalRun:
    """A request that is being run. `pool` lends the sessions. Raises `InputError` for an asset that can't be used."""

    def __init__(self, request: Request, home: Home, watcher: Watcher, pool: Pool) -> None:
        self._request = request
        self._home = home
        self._watcher = watcher
        self._context = LocalContext(request.asset, request.container_id, home, watcher)
        try:
            self._action_run = ActionRun(request.action, self._context, pool)
        except MailError as error:
            reason = f"{error.text} {error.hint}".strip()
            raise InputError(f"The asset {request.asset_called} is not right: {reason}") from error
        self.has_begun = False
        """From then on mail may have been sent."""

    @property
    def is_cancelled(self) -> bool:
        return self._context.is_cancelled()

    def perform(self) -> Document:
        """Run it and record it. The result is SOAR's: status, message, result_data, result_summary.

        The first signal that asks the process to stop ends the run with the truth about what was sent. A run that
        can't be recorded has happened all the same: its result stands, and the watcher is told.
        """
        for warning in self._request.warnings:
            self._watcher.progress(warning)
        start_time = timestamp()
        results: list[Document] = []
        message = ""
        try:
            with first_signal(self._stop), self._action_run:
                self.has_begun = True
                self._run_each(results)
        except KeyboardInterrupt:
            message = "The run was interrupted."
        result = document(self._request.action.identifier, results, not message, message)
        self._record(result, start_time)
        return result

    def _run_each(self, results: list[Document]) -> None:
        parameters = self._request.parameters
        for given, report in zip(parameters, self._action_run.every(parameters), strict=True):
            results.append(
                {
                    "data": report.data,
                    "status": "success" if report.success else "failed",
                    "message": report.message,
                    "parameter": dict(given),
                    "summary": report.summary,
                }
            )
            self._watcher.finished(report.success, report.message)

    def _stop(self, _signal: int) -> None:
        self._context.cancel()

    def _record(self, result: Document, start_time: str) -> None:
        record = RecordedRun(
            action=self._request.action.name,
            asset=self._request.asset_name,
            container_id=self._request.container_id,
            parameters=list(self._request.parameters),
            status=result["status"],
            message=result["message"],
            result=result,
            start_time=start_time,
            end_time=timestamp(),
        )
        try:
            self._home.record(record)
        except StoreError as error:
            self._watcher.progress(f"This run could not be recorded. {error}")

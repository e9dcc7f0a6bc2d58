"""One action run from the outside: the platform's input JSON in, its result JSON out, and the run recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from doors.cli.terminal import Watcher
from host.local.files import StoreError, timestamp
from host.local.home import Home
from host.local.inputs import GivenAsset, InputError
from host.local.spool import Run
from host.manifest.asset_fields import parse_asset
from host.manifest.model import Action, Manifest
from host.manifest.validation import InvalidInput


class Connector(Protocol):
    """What the platform sees of the connector, and where the embedded host's shows what happens."""

    configuration_error: str
    show_progress: Callable[[str], None]
    show_result: Callable[[Any], None]
    show_sent: Callable[[int, int], None]
    has_begun: bool

    def is_action_cancelled(self) -> bool: ...

    def _handle_action(self, in_json: str, handle: object) -> str: ...


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run. `more` are further keys of the input JSON."""

    action: Action
    asset: GivenAsset
    parameters: Sequence[Mapping[str, Any]]
    container_id: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    def input_json(self) -> str:
        """What the platform would hand to the connector. Raises `InputError` for what JSON can't hold."""
        request = {
            **self.more,
            "identifier": self.action.identifier,
            "action": self.action.name,
            "config": self.asset.config,
            "parameters": list(self.parameters),
            "container_id": self.container_id,
        }
        if self.asset.id:
            request["asset_id"] = self.asset.id
        try:
            return json.dumps(request, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(f"The parameters or the asset can't be written as JSON: {error}.") from error


def check_asset(asset: GivenAsset, manifest: Manifest) -> None:
    """Raises `InputError` with everything that is wrong with the asset's fields: nothing has begun then."""
    try:
        parse_asset(asset.config, asset.id, manifest)
    except InvalidInput as error:
        raise InputError(f"The asset {asset.called} is not right: {error}.") from error


def run(order: Order, connector: Connector, home: Home, watcher: Watcher) -> dict[str, Any]:
    """Run it and record it. The result is SOAR's: status, message, result_data, result_summary.

    Raises `InputError` for an asset that the connector can't use. A run that can't be recorded has happened all
    the same: its result stands, and the watcher is told.
    """
    connector.show_progress = watcher.progress
    connector.show_result = lambda result: watcher.finished(result.get_status(), result.get_message())
    connector.show_sent = watcher.sent
    in_json = order.input_json()
    start_time = timestamp()
    result: dict[str, Any] = json.loads(connector._handle_action(in_json, None))
    if connector.configuration_error:
        raise InputError(f"The asset {order.asset.called} is not right: {connector.configuration_error}")
    record = Run(
        action=order.action.name,
        asset=order.asset.name,
        container_id=order.container_id,
        parameters=list(order.parameters),
        status=result["status"],
        message=result["message"],
        result=result,
        start_time=start_time,
        end_time=timestamp(),
    )
    try:
        home.record(record)
    except StoreError as error:
        watcher.progress(f"This run could not be recorded. {error}")
    return result


def succeeded(result: Mapping[str, Any]) -> bool:
    """Whether every parameter set of the run did what was asked."""
    return result["status"] == "success" and all(one["status"] == "success" for one in result["result_data"])

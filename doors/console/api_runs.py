"""The HTTP API's runs: begun, watched, looked up; and the preview of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from doors.console.api import Call
from doors.console.api_lists import asks_for, listed
from doors.console.events import stream
from doors.console.history_pages import stop
from doors.console.preview import described
from doors.console.visit import NotThere
from host.local import inputs
from host.local.files import StoreError
from host.local.inputs import InputError
from host.local.recorded_runs import RecordedRun, RunEntry
from host.local.run import Request
from host.manifest.validation import InvalidInput, rules_of_parameters

MOST_SETS = 10_000
"""Parameter sets of one run."""
MOST_ASSETS = 100
LONGEST_NAME = 200
_STATUS = {
    "running": "running",
    "submitting": "pending",
    "paused": "pending",
    "cut off": "failed",
    "cancelled": "failed",
}


def begin(call: Call) -> Mapping[str, Any]:
    """POST /rest/action_run"""
    if call.lines is not None:
        requests, name = [_request_of_lines(call)], ""
        is_durable = call.request.query_params.get("durable", "") in ("true", "1")
    else:
        requests, name = _requests(call, call.object()), _name(call.object())
        is_durable = call.object().get("durable") is True
    numbers = _begin_each(call, requests, is_durable)
    if len(numbers) > 1 or name:
        call.console.stories.group(numbers, name)
    return {"action_run_id": numbers[0], "success": True}


def list_action_runs(call: Call) -> Mapping[str, Any]:
    """GET /rest/action_run"""
    groups, names = call.console.stories.groups(), call.console.stories.names()
    members: dict[int, list[RunEntry]] = {}
    for entry in _entries(call):
        members.setdefault(groups.get(entry.id, entry.id), []).insert(0, entry)
    items = [_action_run(number, names.get(number, ""), runs) for number, runs in members.items()]
    page = listed(items, _ACTION_RUN_FIELDS, call.request.query_params)
    shown = {item["id"]: [run.id for run in members[item["id"]]] for item in page["data"]}
    told = call.console.home.runs.messages([run for runs in shown.values() for run in runs])
    for item in page["data"]:
        item["message"] = _joined(told.get(run, "") for run in shown[item["id"]])
    return page


def show_action_run(call: Call) -> Mapping[str, Any]:
    """GET /rest/action_run/N"""
    number = call.number()
    parts = call.console.stories.parts(number)
    return _action_run(number, parts.name, [_recorded(call, part).entry for part in parts.runs])


def app_runs_of(call: Call) -> Mapping[str, Any]:
    """GET /rest/action_run/N/app_runs"""
    number = call.number()
    runs = [_recorded(call, part) for part in call.console.stories.parts(number).runs]
    items = [_app_run(call, run, number) for run in runs]
    return listed(items, _APP_RUN_FIELDS, call.request.query_params)


def list_app_runs(call: Call) -> Mapping[str, Any]:
    """GET /rest/app_run"""
    groups = call.console.stories.groups()
    items = [_of_entry(call, entry, groups.get(entry.id, entry.id)) for entry in _entries(call)]
    page = listed(items, _APP_RUN_FIELDS, call.request.query_params)
    told = call.console.home.runs.messages([item["id"] for item in page["data"]])
    for item in page["data"]:
        item["message"] = told.get(item["id"], "")
    return page


def show_app_run(call: Call) -> Mapping[str, Any]:
    """GET /rest/app_run/N, with everything"""
    number = call.number()
    group = call.console.stories.groups().get(number, number)
    return _with_results(call, _recorded(call, number), group)


def events(call: Call) -> Response:
    """GET /rest/action_run/N/events"""
    _recorded(call, call.number())
    return stream(call.console, call.request)


def cancel(call: Call) -> Mapping[str, Any]:
    """POST /rest/action_run/N with {"cancel": true}"""
    number = call.number()
    if call.object().get("cancel") is not True:
        raise InputError('All that can be asked of a run is {"cancel": true}.')
    stopped = [stop(call.console, part) for part in call.console.stories.parts(number).runs]
    if not any(stopped):
        raise NotThere(f"Action run {number} is none that this console runs, or has ended.")
    call.console.audit.write(call.person.name, "run stopped", f"run {number}")
    return {"success": True}


def preview(call: Call) -> Mapping[str, Any]:
    """POST /rest/preview"""
    given = call.object()
    parameters = given.get("parameters", {})
    if not isinstance(parameters, dict):
        raise InputError("parameters: give one parameter set, as a JSON object.")
    request = _request(call, _text(given, "action"), given.get("asset"), [parameters], _container(given))
    return described(request, call.console.home, call.console.pool)


def asset_name(call: Call, given: Any) -> str:
    """The name of an asset that is given by its name or its id. Raises `InputError`, `StoreError`."""
    assets = call.console.home.assets
    if isinstance(given, int) and not isinstance(given, bool):
        return assets.by_id(str(given)).name
    if not isinstance(given, str) or not given:
        raise InputError("An asset is named by its id or its name.")
    if given.isascii() and given.isdigit() and all(entry.name != given for entry in assets.list()):
        return assets.by_id(given).name
    return given


def _begin_each(call: Call, requests: Sequence[Request], is_durable: bool) -> list[int]:
    """Begin a run for each; their numbers. Raises `InputError`, `StoreError`, and says which were begun by then."""
    numbers: list[int] = []
    try:
        for request in requests:
            if is_durable:
                numbers.append(call.console.submit(request, call.person.name))
            else:
                numbers.append(call.console.start_request(request, call.person.name).number)
    except (InputError, StoreError) as error:
        if not numbers:
            raise
        begun = ", ".join(
            f"run {number} over {one.asset_name}" for number, one in zip(numbers, requests, strict=False)
        )
        raise InputError(
            f"{requests[len(numbers)].asset_name}: {error} Do not repeat the whole: begun before it was {begun}."
        ) from error
    return numbers


def _request_of_lines(call: Call) -> Request:
    query = call.request.query_params
    action, asset = query.get("action", ""), query.get("asset", "")
    if not action or not asset:
        raise InputError("JSON Lines need the action and the asset in the address: ?action=…&asset=…")
    container = inputs.container_id(query.get("container_id", ""))
    return _request(call, action, asset, list(call.lines or ()), container)


def _requests(call: Call, given: Mapping[str, Any]) -> list[Request]:
    """A request for each asset of each target; all are checked before one of them begins."""
    if not isinstance(given.get("durable", False), bool):
        raise InputError("durable: true or false.")
    action, container = _text(given, "action"), _container(given)
    targets = given.get("targets")
    if not isinstance(targets, list) or not targets:
        raise InputError("targets: give a list of objects with assets and parameters.")
    requests = []
    for target in targets:
        if not isinstance(target, dict) or not isinstance(target.get("assets"), list) or not target["assets"]:
            raise InputError("targets: each one is an object with a list of assets.")
        sets = inputs.as_parameter_sets(target.get("parameters", [{}]), "parameters")
        requests += [
            _request(call, action, asset, sets, container) for asset in target["assets"][: MOST_ASSETS + 1]
        ]
        if len(requests) > MOST_ASSETS:
            raise InputError(f"targets: up to {MOST_ASSETS} assets in one action run.")
    return requests


def _request(call: Call, action: str, asset: Any, sets: Sequence[Any], container: str) -> Request:
    sets = inputs.as_parameter_sets(list(sets), "parameters")
    if len(sets) > MOST_SETS:
        raise InputError(f"parameters: up to {MOST_SETS:,} sets in one run.")
    rules = rules_of_parameters(call.console.manifest.action(action))
    for number, one in enumerate(sets, 1):
        try:
            rules.read(one)
        except InvalidInput as error:
            raise InputError(f"parameters, set {number}: {error}.") from error
    return call.console.request(action, asset_name(call, asset), sets, container)


def _entries(call: Call) -> Sequence[RunEntry]:
    """All runs; with their messages, which are encrypted, only where they decide what is listed."""
    runs = call.console.home.runs
    entries = runs.brief()
    if not asks_for("message", call.request.query_params):
        return entries
    told = runs.messages([entry.id for entry in entries])
    return [replace(entry, message=told.get(entry.id, "")) for entry in entries]


def _joined(messages: Iterable[str]) -> str:
    return "; ".join(filter(None, messages))


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise InputError(f"{name}: missing, or no text.")
    return value


def _name(given: Mapping[str, Any]) -> str:
    name = given.get("name", "")
    if not isinstance(name, str) or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(f"name: a text of up to {LONGEST_NAME} printable characters.")
    return name


def _container(given: Mapping[str, Any]) -> str:
    value = given.get("container_id", "")
    if value is None or isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError("container_id: a number, or a text.")
    return inputs.container_id(str(value))


def _recorded(call: Call, number: int) -> RecordedRun:
    try:
        return call.console.home.runs.get(number)
    except StoreError as error:
        raise NotThere(str(error)) from error


_ACTION_RUN_FIELDS = (
    "id",
    "action",
    "name",
    "status",
    "message",
    "container",
    "create_time",
    "update_time",
    "assets",
)
_APP_RUN_FIELDS = (
    "id", "action", "action_run", "app", "app_name", "app_version", "asset", "asset_name", "container", "status",
    "message", "start_time", "end_time",
)  # fmt: skip


def _action_run(number: int, name: str, runs: Sequence[RunEntry]) -> dict[str, Any]:
    statuses = [status_of(run) for run in runs]
    status = next((one for one in ("running", "pending", "failed") if one in statuses), "success")
    return {
        "id": number,
        "action": runs[0].action,
        "name": name or runs[0].action,
        "status": status,
        "message": _joined(run.message for run in runs),
        "container": runs[0].container_id,
        "create_time": runs[0].start_time,
        "update_time": max(run.end_time or run.start_time for run in runs),
        "assets": [run.asset for run in runs],
    }


def _app_run(call: Call, run: RecordedRun, action_run: int) -> dict[str, Any]:
    if call.request.query_params.get("include_expensive", "").lower() in ("true", "1"):
        return _with_results(call, run, action_run)
    return _of_entry(call, run.entry, action_run)


def _with_results(call: Call, run: RecordedRun, action_run: int) -> dict[str, Any]:
    return {
        **_of_entry(call, run.entry, action_run),
        "result_data": run.result["result_data"],
        "result_summary": run.result["result_summary"],
    }


def _of_entry(call: Call, run: RunEntry, action_run: int) -> dict[str, Any]:
    manifest = call.console.manifest
    return {
        "id": run.id,
        "action": run.action,
        "action_run": action_run,
        "app": 1,
        "app_name": manifest.name,
        "app_version": manifest.version,
        "asset": run.asset,
        "asset_name": run.asset,
        "container": run.container_id,
        "status": status_of(run),
        "message": run.message,
        "start_time": run.start_time,
        "end_time": run.end_time,
    }


def status_of(run: RunEntry) -> str:
    """As SOAR has it: running, success, failed."""
    return _STATUS.get(run.state, run.status or "failed")

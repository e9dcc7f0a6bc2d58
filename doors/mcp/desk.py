"""What the tools do: look, ask a person, send once, and write down who wanted it and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from actions.contract import KEY
from delivery.pool import Pool
from doors.mcp.tools import LIST_RUNS, LONGEST_REASON, NOT_FOR_AGENTS, REASON, SHOW_RUN, offered
from host.local import files
from host.local.files import Cipher
from host.local.home import Home
from host.local.inputs import InputError, stored_asset
from host.local.people.approvals import APPROVED, TAKEN, Approvals, Wanted
from host.local.people.audit import Audit
from host.local.people.database import PeopleDatabase
from host.local.people.roles import Person, Role
from host.local.results import Document
from host.local.run import LocalRun, Request, make_request
from host.manifest.model import Action, Manifest
from host.manifest.validation import InvalidInput, rules_of_parameters
from message.html import to_text
from smtp.text import showable
from smtp.transcript import Transcript

_MOST_LISTED = 100
_SHOWN = 2000
"""Characters of a text that a person is asked about; the console shows all of it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a tool answers: a text for the agent, the facts, and whether it did what was asked."""

    text: str
    facts: Mapping[str, Any]
    is_good: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """A person has to agree first: to this mail, which is shown. `seal` is a text that only who asked it can know."""

    wanted: Wanted
    seal: str
    text: str
    preview: Mapping[str, Any]


class Desk:
    """The tools over one data folder. Every method raises `InputError`, `StoreError` and their like."""

    def __init__(self, manifest: Manifest, home: Home, pool: Pool, assets: Sequence[str]) -> None:
        self.manifest = manifest
        self.assets = tuple(assets)
        self._home = home
        self._pool = pool
        database = PeopleDatabase(home.folder)
        self._approvals = Approvals(database)
        self._audit = Audit(database)

    def call(self, name: str, arguments: Mapping[str, Any], person: Person) -> Told | Question:
        """Do what the tool is for, or ask for a person's consent."""
        if name == LIST_RUNS:
            return self._list_runs(arguments)
        if name == SHOW_RUN:
            return self._show_run(arguments)
        action = next((one for one in offered(self.manifest) if one.identifier == name), None)
        if action is None:
            raise InputError(f"There is no tool {name[:80]!r}.")
        if not person.role.covers(Role.SENDER):
            raise InputError(f"That takes the role {Role.SENDER.value}; this token's is {person.role.value}.")
        if action.read_only:
            return self._look(action, arguments)
        return self._send(action, arguments, person)

    def agreed(self, wanted: Wanted, person: Person) -> Told:
        """Send what a person has agreed to in the agent's own program."""
        if self._approvals.find(wanted) is None:
            self._approvals.approve(self._approvals.ask(wanted))
        return self._carry_out(wanted, person)

    def ask(self, question: Question) -> Told:
        """Where the agent's program can't ask a person, the console can: the answer has the code for it."""
        code = self._approvals.ask(question.wanted)
        text = (
            f"Nothing was sent yet: a person has to agree. Tell them to give the code {code} to the console "
            "(Approvals), within an hour; then call this tool again with exactly the same arguments.\n\n"
            f"{question.text}"
        )
        return Told(
            text, {"state": "waiting", "approval_code": code, "preview": question.preview}, is_good=False
        )

    def _look(self, action: Action, arguments: Mapping[str, Any]) -> Told:
        request = self._request(action, self._asset(arguments), _parameters(action, arguments))
        result = _Quiet.perform(request, self._home, self._pool)
        data = result["result_data"][0]["data"] if result["result_data"] else []
        facts = data[0] if data else {}
        return Told(result["message"], facts, result["status"] == "success")

    def _send(self, action: Action, arguments: Mapping[str, Any], person: Person) -> Told | Question:
        asset, parameters = self._asset(arguments), _parameters(action, arguments)
        key, reason = _text(arguments, KEY, 200), _text(arguments, REASON, LONGEST_REASON)
        if KEY in action.parameters:
            parameters[KEY] = key
        wanted = Wanted(action.name, asset, parameters, key, person.name, reason)
        known = self._approvals.find(wanted)
        if known is not None and known.state == TAKEN:
            return self._repeat(known.run)
        request = self._request(action, asset, parameters)
        if not stored_asset(asset, self._home).config.get("allowed_recipients"):
            raise InputError(
                f"Nothing was sent: the asset {asset} does not say to whom agents may write. Set its field "
                "allowed_recipients first."
            )
        run = LocalRun(request, self._home, _Quiet(), self._pool)
        if not run.can_prepare:
            raise InputError(f"{action.name} sends no mail that a person could look at first.")
        preview = run.preview(parameters)
        if not preview.success:
            raise InputError(preview.message)
        if known is not None and known.state == APPROVED:
            return self._carry_out(wanted, person)
        return Question(wanted, self._seal(wanted), _shown(wanted, preview.data[0]), preview.data[0])

    def _seal(self, wanted: Wanted) -> str:
        files.ensure_key(self._home.folder)
        return Cipher(self._home.folder).mac(f"agreed to {wanted.content} {wanted.key}".encode()).hex()

    def _carry_out(self, wanted: Wanted, person: Person) -> Told:
        if not self._approvals.take(wanted):
            known = self._approvals.find(wanted)
            return self._repeat(known.run if known is not None else 0)
        action = self.manifest.action(wanted.action)
        request = self._request(action, wanted.asset, wanted.parameters)
        self._audit.write(
            person.name,
            f"run of {action.name} for an agent",
            wanted.asset,
            reason=wanted.reason,
            key=wanted.key,
            sha256=wanted.content,
        )
        run = LocalRun(request, self._home, _Quiet(), self._pool)
        result = run.perform()
        self._approvals.done(wanted, run.number)
        return _told(result, run.number)

    def _repeat(self, number: int) -> Told:
        """What became of a request that was carried out before, and is not a second time."""
        if not number:
            raise InputError("It is being sent, or its end was not written down: look at list_runs.")
        return _told({**self._home.runs.get(number).result}, number)

    def _list_runs(self, arguments: Mapping[str, Any]) -> Told:
        limit = arguments.get("limit", 20)
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= _MOST_LISTED:
            raise InputError(f"limit: a whole number from 1 to {_MOST_LISTED}.")
        runs = [asdict(entry) for entry in self._home.runs.list(limit) if self._may_see(entry.asset)]
        lines = [
            f"{run['id']}: {run['action']} over {run['asset']}, {run['state']} {run['status']}"
            for run in runs
        ]
        return Told("\n".join(lines) or "There are no runs.", {"runs": runs})

    def _show_run(self, arguments: Mapping[str, Any]) -> Told:
        number = arguments.get("run")
        if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 1 << 62:
            raise InputError("run: the number of a run.")
        recorded = self._home.runs.get(number)
        if not self._may_see(recorded.entry.asset):
            raise InputError(f"There is no recorded run {number}.")
        return Told(
            recorded.entry.message or recorded.entry.state,
            {**asdict(recorded.entry), "result": dict(recorded.result)},
        )

    def _may_see(self, asset: str) -> bool:
        return not self.assets or asset in self.assets

    def _asset(self, arguments: Mapping[str, Any]) -> str:
        asset = self.assets[0] if len(self.assets) == 1 else _text(arguments, "asset", 100)
        if self.assets and asset not in self.assets:
            raise InputError(f"asset: one of {', '.join(self.assets)}.")
        return asset

    def _request(self, action: Action, asset: str, parameters: Mapping[str, Any]) -> Request:
        try:
            rules_of_parameters(action).read(parameters)
        except InvalidInput as error:
            raise InputError(str(error)) from error
        return make_request(action, stored_asset(asset, self._home), [parameters], "", self.manifest)


def _parameters(action: Action, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the action. Raises `InputError` for what an agent may not say."""
    own = {REASON, "asset", *(() if action.read_only else (KEY,))}
    given = {name: value for name, value in arguments.items() if name not in own}
    refused = sorted(NOT_FOR_AGENTS & given.keys())
    if refused:
        raise InputError(f"{', '.join(refused)}: not for agents. The asset says whom a mail is from.")
    return given


def _text(arguments: Mapping[str, Any], name: str, longest: int) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise InputError(f"{name}: a text of 1 to {longest} characters is required.")
    return value


def _shown(wanted: Wanted, preview: Mapping[str, Any]) -> str:
    """The mail, for the person who is asked. What the agent wrote can't add lines that look like ours."""
    text, html = str(preview["text"]), str(preview["html"])
    said = to_text(html) if html else text
    files = [showable(part["name"]) for part in preview["structure"] if part["name"]]
    lines = [
        f"An agent ({wanted.who}) wants to send this mail over {wanted.asset}.",
        f"Why: {showable(wanted.reason, limit=LONGEST_REASON)}",
        "",
        f"From: {preview['sender']}",
        f"To: {', '.join(preview['recipients'])}",
        f"Subject: {showable(preview['subject'])}",
        *([f"Files: {', '.join(files)}"] if files else []),
        "",
        _beginning(said),
    ]
    if text.split() != said.split():
        lines += ["", "Without its HTML it says:", "", _beginning(text)]
    return "\n".join(lines)


def _beginning(text: str) -> str:
    left = len(text) - _SHOWN
    return text if left <= 0 else f"{text[:_SHOWN]} … ({left} more characters)"


def _told(result: Document, number: int) -> Told:
    data = [one["data"] for one in result["result_data"]]
    facts = {
        "run": number,
        "status": result["status"],
        "message": result["message"],
        "data": data[0] if data else [],
    }
    return Told(f"Run {number}: {result['message']}", facts, result["status"] == "success")


class _Quiet:
    """Nobody watches; the result has it all."""

    @classmethod
    def perform(cls, request: Request, home: Home, pool: Pool) -> Document:
        return LocalRun(request, home, cls(), pool).perform()

    def progress(self, text: str) -> None:
        """Nobody looks."""

    def sent(self, octets: int, size: int) -> None:
        """Nobody looks."""

    def session_ended(self, transcript: Transcript) -> None:
        """Nobody looks."""

    def finished(self, success: bool, message: str) -> None:
        """It is in the result."""

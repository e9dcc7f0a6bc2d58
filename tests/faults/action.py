"""The matrix once more, from the outside: one action run with several parameter sets, judged by its results alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from smtp_connector import SmtpConnector
from tests.faults.cell import EARLY_STEPS, TRANSPORTS
from tests.faults.judge import Judgement
from tests.faults.matrix import Expected, Row, rows
from tests.faults.messages import RECIPIENTS
from tests.support.authority import authority
from tests.support.scripted import Kind, Log, ScriptedServer, Settings, Step

SSL_CONFIG = {"plain": "None", "starttls": "StartTLS", "ssl": "SSL"}
MESSAGES, STRUCK = 5, 3
PATIENCE = 2
"""Seconds; the reply to the end of a message is waited for longer than any test may take."""
SILENT = frozenset({Kind.SILENCE, Kind.STALL, Kind.DRIP})


@dataclass(frozen=True, slots=True)
class ActionCell:
    row: Row
    tls: str
    pipelining: bool
    chunking: bool

    @property
    def name(self) -> str:
        how = f"{'pipelined' if self.pipelining else 'in steps'}, {'BDAT' if self.chunking else 'DATA'}"
        return f"action: {self.row.name} [{self.tls}, {how}]"

    def run(self) -> Judgement:
        with ScriptedServer(self._settings()) as server:
            results = self._act(server)
            server.wait_until_served(0.5)
        judgement = Judgement()
        if not server.log.struck.is_set():
            judgement.surprises.append("the fault did not come to pass")
        if not self._is_out_of_step:
            judgement.surprises += [f"the client broke a rule: {text}" for text in server.log.violations]
        accepted = accepted_by(server.log)
        for number, result in enumerate(results, start=1):
            self._judge(judgement, number, result, accepted)
        return judgement

    def _settings(self) -> Settings:
        step = self.row.fault.step
        fault = self.row.fault
        if step not in EARLY_STEPS:
            # VRFY is asked once, behind the first message.
            nth = {Step.RCPT: (STRUCK - 1) * RECIPIENTS + 2, Step.QUIT: 1, Step.VRFY: 1}
            fault = replace(fault, nth=nth.get(step, STRUCK))
        return Settings(
            tls=self.tls,
            pipelining=self.pipelining,
            chunking=self.chunking,
            auth=("PLAIN",) if step is Step.AUTH else (),
            logins={"ann": "canary"},
            fault=fault,
            drip=0.25,
        )

    def _act(self, server: ScriptedServer) -> list[dict[str, Any]]:
        with_login = {"username": "ann", "password": "canary"} if server.settings.auth else {}
        config = {
            "server": server.host,
            "port": server.port,
            "ssl_config": SSL_CONFIG[self.tls],
            "ca_bundle": authority().pem,
            "sender_address": "sender@example.test",
            "read_timeout": PATIENCE,
            "connection_timeout": PATIENCE,
            **with_login,
        }
        parameters = [
            {"to": ", ".join(addresses(number)), "subject": f"message {number}", "body": "hello"}
            for number in range(1, MESSAGES + 1)
        ]
        run = {"identifier": "send_email", "asset_id": "1", "config": config, "parameters": parameters}
        connector = SmtpConnector()
        connector.show_progress = lambda text: None
        output = json.loads(connector._handle_action(json.dumps(run), None))
        return list(output["result_data"])

    def _judge(
        self, judgement: Judgement, number: int, result: dict[str, Any], accepted: Mapping[str, int]
    ) -> None:
        (data,) = result["data"]
        statuses = {entry["address"]: entry["status"] for entry in data["recipients"]}
        if tuple(statuses) != addresses(number):
            judgement.surprises.append(f"message {number}: recipients are {tuple(statuses)}")
        for address, status in statuses.items():
            wrong = {
                "false_sent": status == "accepted" and not accepted[address],
                "false_not_sent": status in ("refused", "not tried") and accepted[address] > 0,
                "duplicates": accepted[address] > 1,
                "unknown_outside_window": status == "unknown" and not self._may_be_unknown,
            }
            judgement.counts.update(name for name, is_so in wrong.items() if is_so)
        judgement.surprises += [f"message {number}: {text}" for text in contradictions(result, statuses)]
        before = 2 if self.row.fault.step is Step.VRFY else STRUCK
        if number < before and self.row.fault.step not in EARLY_STEPS and data["outcome"] != "sent":
            judgement.surprises.append(f"message {number} came before the fault, and is {data['outcome']}")

    @property
    def _may_be_unknown(self) -> bool:
        """A whole message had been written, or a second verdict came when the next one was on its way."""
        second_verdict = self.row.fault.step is Step.END and self.row.fault.kind is Kind.EXTRA
        return self.row.expected is Expected.UNKNOWN or self._is_out_of_step or second_verdict

    @property
    def _is_out_of_step(self) -> bool:
        """Between two messages an unasked-for reply may come when the next one has just been begun."""
        return self.row.fault.step is Step.IDLE and self.row.fault.kind is Kind.EXTRA


def addresses(number: int) -> tuple[str, ...]:
    return tuple(f"r{index}.m{number}@example.test" for index in range(1, RECIPIENTS + 1))


def accepted_by(log: Log) -> Counter[str]:
    """How often each recipient was sent the message that was meant for it."""
    accepted: Counter[str] = Counter()
    for entry in log.accepted:
        for address in entry.recipients:
            number = address.partition("@")[0].partition(".m")[2]
            if f"Subject: message {number}\r\n".encode() in entry.content:
                accepted[address] += 1
            else:
                accepted[f"{address} got another one's message"] += 1
    return accepted


def contradictions(result: Mapping[str, Any], statuses: Mapping[str, str]) -> Iterator[str]:
    """Where the parts of one result do not say the same."""
    (data,) = result["data"]
    outcome, found = data["outcome"], set(statuses.values())
    right = {
        "sent": found == {"accepted"},
        "partly sent": "accepted" in found and len(found) > 1,
        "not sent": not found & {"accepted", "unknown"},
        "unknown": "unknown" in found and "accepted" not in found,
    }
    if not right[outcome]:
        yield f"outcome {outcome} with {sorted(found)}"
    if (result["status"] == "success") != ("accepted" in found):
        yield f"status {result['status']} with {sorted(found)}"
    if (result["message"] == "Email sent") != (outcome == "sent"):
        yield f"message {result['message']!r} with outcome {outcome}"
    if outcome == "unknown" and (
        data["failure"]["retryable"] or "may have been delivered" not in result["message"]
    ):
        yield "an unknown outcome that invites to send it again"


def action_cells() -> Iterator[ActionCell]:
    """The rows that an action run meets; those that would wait ten minutes for a reply are left to sessions."""
    for row in rows():
        step, kind = row.fault.step, row.fault.kind
        if step is Step.BODY or (step is Step.END and kind in SILENT):
            continue
        for tls in TRANSPORTS:
            for pipelining in (True, False):
                for chunking in (True, False):
                    cell = ActionCell(row, tls, pipelining, chunking)
                    if _exists(cell):
                        yield cell


def _exists(cell: ActionCell) -> bool:
    step = cell.row.fault.step
    if step in (Step.STARTTLS, Step.EHLO_AFTER_TLS):
        return cell.tls == "starttls"
    if step is Step.TLS:
        return cell.tls != "plain"
    if step is Step.RSET:
        return False
    return step is not Step.DATA or not cell.chunking

"""What a person decides about a mail of which nobody knew what became of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from host.local import files
from host.local.files import Cipher, timestamp
from host.local.results import recorded
from host.local.retry import summary_of, told_of
from host.local.sql import TURNS, database_timestamp
from host.local.tables import DueRow, DurableRow, MailRow, RunRow


def take_turn_of(session: Session, run_id: int) -> None:
    """As `host.local.sql.take_turn`: a run that is about to end has ended when this returns, or does not any more."""
    if files.is_server():
        session.execute(select(func.pg_advisory_xact_lock(TURNS, run_id)))


def decide(row: MailRow, result: dict[str, Any], secret: Cipher, session: Session, *, was_sent: bool) -> None:
    """Write down what a person decided about an unknown mail, whose result is as it was recorded.

    A durable run's mail that was not sent waits for a worker again. One whose result came meanwhile is left as it is.
    """
    take_turn_of(session, row.run_id)
    session.refresh(row)
    if row.state != "unknown":
        return
    parameters = result.pop("parameter")
    decided = "sent" if was_sent else "not sent"
    note = f"Nobody knew whether it was sent; a person resolved it as {decided} at {timestamp()}."
    row.state, result["message"] = decided, "Email sent" if was_sent else f"Nothing was sent. {note}"
    for data in result["data"]:
        for one in data["recipients"]:
            if one["status"] == "unknown":
                one |= {"status": "accepted" if was_sent else "not tried", "retryable": not was_sent}
        # Of some it may have been known before.
        row.state, result["message"] = told_of(data["recipients"]) or (row.state, result["message"])
        data["outcome"] = row.state
        data["warnings"] = [*data["warnings"], note]
        if row.state == "sent":
            data.pop("failure", None)
        if data["recipients"]:
            result["summary"] = summary_of(data["recipients"])
    result["status"] = "failed" if row.state == "not sent" else "success"
    if not was_sent and session.get(DurableRow, row.run_id) is not None:
        _let_be_due(row, session)
    elif row.asked is not None:
        row.asked = secret.encrypt(recorded(parameters))
    row.result = secret.encrypt(result)


def _let_be_due(row: MailRow, session: Session) -> None:
    """Let a worker send it again, to whom it was not sent."""
    row.state, row.finished_at = "waiting", ""
    # Workers ask the database's clock what is due: this machine's may differ.
    connection: Any = session.connection().connection.driver_connection
    due_time = database_timestamp(connection)
    session.add(DueRow(run_id=row.run_id, position=row.position, due_time=due_time, tries=0, holder=""))
    run = session.get_one(RunRow, row.run_id)
    if run.state == "ended":
        run.state, run.status, run.end_time, run.kept_since = "running", "", "", ""
    if files.is_server():
        from host.local import jobs, postgres

        session.flush()
        jobs.defer_next(postgres.PostgresConnection(postgres.url(), connection), run.id)

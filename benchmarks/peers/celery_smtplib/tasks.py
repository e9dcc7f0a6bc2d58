"""Celery with smtplib: a task for each mail, over a connection that each process of the worker keeps.

Runs in an environment of its own, for whose sake nothing of the connector is imported here: `celery -A tasks worker` is
the worker, and this file as a program hands over the mails that it reads from standard input.
"""

from __future__ import annotations

import json
import os
import smtplib
import sys
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from celery import Celery

QUEUE = os.environ["QUEUE"]
app: Any = Celery("mails", broker="filesystem://")
app.conf.update(
    task_ignore_result=True,
    broker_transport_options={
        "data_folder_in": QUEUE,
        "data_folder_out": QUEUE,
        "control_folder": os.environ["CONTROL"],
        "polling_interval": 0.05,
    },
)
_kept: list[smtplib.SMTP] = []


def send(mail: dict[str, str]) -> None:
    message = EmailMessage()
    for name in ("From", "To", "Subject"):
        message[name] = mail[name.lower()]
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain="example.com")
    message.set_content(mail["body"])
    if not _kept:
        _kept.append(smtplib.SMTP("127.0.0.1", int(os.environ["PORT"])))
    _kept[0].sendmail(mail["from"], [mail["to"]], message.as_bytes())


task = app.task(name="send")(send)

if __name__ == "__main__":
    for mail in json.load(sys.stdin):
        task.delay(mail)

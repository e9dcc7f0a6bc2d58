"""libcurl through pycurl, one handle that keeps its connection; what is said to it is in `tests/faults/programs.py`."""

from __future__ import annotations

import base64
import io
import sys

import pycurl


def main() -> None:
    port, tls, authority, seconds, user, password = sys.stdin.readline().rstrip("\n").split("\t")
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, f"{'smtps' if tls == 'ssl' else 'smtp'}://127.0.0.1:{port}/client.test")
    if tls != "plain":
        curl.setopt(pycurl.USE_SSL, pycurl.USESSL_ALL)
        curl.setopt(pycurl.CAINFO, authority)
    if user:
        curl.setopt(pycurl.USERNAME, user)
        curl.setopt(pycurl.PASSWORD, password)
    curl.setopt(pycurl.TIMEOUT_MS, int(float(seconds) * 1000))
    for line in sys.stdin:
        sender, data, *recipients = line.rstrip("\n").split("\t")
        curl.setopt(pycurl.MAIL_FROM, sender)
        curl.setopt(pycurl.MAIL_RCPT, recipients)
        curl.setopt(pycurl.UPLOAD, True)
        curl.setopt(pycurl.READDATA, io.BytesIO(base64.b64decode(data)))
        try:
            curl.perform()
            answer = "sent"
        except pycurl.error:
            answer = "failed"
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()
    curl.close()


main()

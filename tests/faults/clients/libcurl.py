"""libcurl through pycurl, with one handle that keeps its connection; the dialogue is that of `node/client.js`."""

from __future__ import annotations

import base64
import io
import json
import sys

import pycurl


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    curl = pycurl.Curl()
    scheme = "smtps" if settings["tls"] == "ssl" else "smtp"
    curl.setopt(pycurl.URL, f"{scheme}://127.0.0.1:{settings['port']}/client.test")
    if settings["tls"] != "plain":
        curl.setopt(pycurl.USE_SSL, pycurl.USESSL_ALL)
        curl.setopt(pycurl.CAINFO, settings["ca"])
    if settings["user"]:
        curl.setopt(pycurl.USERNAME, settings["user"])
        curl.setopt(pycurl.PASSWORD, settings["password"])
    curl.setopt(pycurl.TIMEOUT_MS, int(settings["timeout"] * 1000))
    for line in sys.stdin:
        mail = json.loads(line)
        curl.setopt(pycurl.MAIL_FROM, mail["from"])
        curl.setopt(pycurl.MAIL_RCPT, mail["to"])
        curl.setopt(pycurl.UPLOAD, True)
        curl.setopt(pycurl.READDATA, io.BytesIO(base64.b64decode(mail["data"])))
        try:
            curl.perform()
            answer = {"sent": True, "refused": []}
        except pycurl.error as error:
            answer = {"sent": False, "refused": [], "said": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    curl.close()


main()

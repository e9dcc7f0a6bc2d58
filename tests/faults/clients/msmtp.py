"""msmtp, one call for each mail; what is said to it is in `tests/faults/programs.py`."""

from __future__ import annotations

import base64
import math
import subprocess
import sys


def main() -> None:
    port, tls, authority, seconds, user, password = sys.stdin.readline().rstrip("\n").split("\t")
    command = ["msmtp", "--host=127.0.0.1", f"--port={port}", "--domain=client.test", "--protocol=smtp"]
    command += [f"--timeout={math.ceil(float(seconds))}", "--set-from-header=off", "--set-date-header=off"]
    if tls != "plain":
        starttls = "on" if tls == "starttls" else "off"
        command += ["--tls=on", f"--tls-starttls={starttls}", f"--tls-trust-file={authority}"]
    if user:
        command += ["--auth=plain", f"--user={user}", f"--passwordeval=echo {password}"]
    for line in sys.stdin:
        sender, data, *recipients = line.rstrip("\n").split("\t")
        mail = [*command, f"--from={sender}", "--", *recipients]
        text = base64.b64decode(data).replace(b"\r\n", b"\n")  # as sendmail takes it
        done = subprocess.run(mail, input=text, capture_output=True, check=False)
        sys.stdout.write(("failed" if done.returncode else "sent") + "\n")
        sys.stdout.flush()


main()

"""What each module takes to load that a plain mail does without: `python -m benchmarks.imports`, run by hand.

Each of those that docs/performance.md lists is loaded in processes of its own, after a plain mail was sent there.
Printed is the processor's time in ms, the median of `TIMES`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks import mails, servers

TIMES = 9
DOCUMENT = servers.ROOT / "docs" / "performance.md"
OTHERS = ("sqlalchemy",)
"""Libraries that the document gives a figure for."""
_ROW = re.compile(r"^\| [^|]+ \| (`[a-z_.`, ]+`) \| [\d, ]+ \|$", re.MULTILINE)
_MEASURED = """
import importlib, runpy, sys, time

module = sys.argv[1]
del sys.argv[:2]
sys.path[0] = sys.argv[0].rpartition("/")[0]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as ended:
    if ended.code:
        raise
began = time.process_time()
importlib.import_module(module)
print(time.process_time() - began, file=sys.stderr)
"""


def listed() -> list[str]:
    """The modules of the document's table, in its order."""
    rows = _ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    return [name.strip("`") for names in rows for name in names.split(", ")]


def loading_takes(module: str, call: list[str], home: Path) -> float:
    """Seconds of the processor, for one process that has sent a mail by `call`."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, module, *call],
        cwd=servers.ROOT,
        env={"SMTP_CONNECTOR_HOME": str(home), "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stderr.split()[-1])


def main() -> int:
    with servers.smtp_sink() as port, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        call = mails.command(port, folder)
        for module in (*listed(), *OTHERS):
            took = median(loading_takes(module, call, folder) for _ in range(TIMES))
            print(f"{module:32} {took * 1000:6.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""One action run: the process that the platform starts for it, anew for each.

Its arguments are the app's folder and the folders with importable packages. The input is read from standard input,
the result goes to standard output, and what is told on the way to standard error, a JSON object a line. Python is
started with -I -S: nothing can be imported but the standard library and what is named here.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path


def main(app: str, *packages: str) -> None:
    here = Path(__file__).parent
    sys.path[:0] = [str(here / "lib"), str(here / "www"), app]
    sys.path += packages
    (manifest,) = Path(app).glob("connector.json")
    main_module = json.loads(manifest.read_text())["main_module"].removesuffix(".py")
    module = importlib.import_module(main_module)
    from phantom.base_connector import BaseConnector

    (connector,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseConnector) and value.__module__ == main_module
    )
    os.environ["PHANTOM_ACTION_RUNS"] = "yes"
    sys.stdout.write(connector()._handle_action(sys.stdin.read(), None))


if __name__ == "__main__":
    main(*sys.argv[1:])

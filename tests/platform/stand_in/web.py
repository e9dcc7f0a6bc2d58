"""The platform's web server: its REST interface as far as an app asks it, and the app's `rest_handler`.

Its arguments are a port, the app's folder and the folders with importable packages. Like `spawn`, it is started with
-I -S. `/loaded` tells which modules of the app this process has.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Requests hold codes."""


def main(port: str, app: str, *packages: str) -> None:
    here = Path(__file__).parent
    sys.path[:0] = [str(here / "lib"), str(here / "www"), app]
    sys.path += packages
    manifest = json.loads(Path(app, "connector.json").read_text())

    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpResponse, JsonResponse
    from django.urls import re_path

    def system_info(request: Any) -> Any:
        return JsonResponse({"base_url": f"http://localhost:{port}/"})

    def asset(request: Any, asset_id: str) -> Any:
        assets = json.loads(Path(os.environ["PHANTOM_HOME"], "assets.json").read_text())
        if asset_id not in assets:
            return JsonResponse({"failed": True, "message": "Requested item not found"}, status=404)
        return JsonResponse({"id": int(asset_id), "name": assets[asset_id]})

    def handler(request: Any, directory: str, rest: str) -> Any:
        if directory != Path(app).name:
            return HttpResponse("no such app", status=404)
        module, _, function = manifest["rest_handler"].rpartition(".")
        return getattr(importlib.import_module(module), function)(request, rest.split("/"))

    def loaded(request: Any) -> Any:
        files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
        return JsonResponse({"modules": sorted(name for name, file in files.items() if file.startswith(app))})

    settings.configure(
        ALLOWED_HOSTS=["localhost", "127.0.0.1"],
        ROOT_URLCONF=(
            re_path(r"^rest/system_info$", system_info),
            re_path(r"^rest/asset/(\d+)$", asset),
            re_path(r"^rest/handler/([^/]+)/(.*)$", handler),
            re_path(r"^loaded$", loaded),
        ),
    )
    make_server("127.0.0.1", int(port), get_wsgi_application(), handler_class=Quiet).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])

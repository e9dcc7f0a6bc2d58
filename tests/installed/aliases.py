"""Lets the tests of a checkout meet the installed package: `smtp.session` is then `smtp_connector.smtp.session`.

Only for tests. A `.pth` file imports this in every process of the environment that is tried, so that tests and the
processes that they start, which name the rooms as a checkout does, have the installed modules before them and none
of the checkout's.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import sysconfig
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

PACKAGE = "smtp_connector"
ROOMS = (
    "actions",
    "auth",
    "delivery",
    "doors",
    "host",
    "message",
    "smtp",
    "smtp_redirect_handler",
    "smtp_result_view",
)


class Aliased(Loader):
    """Gives the module of the package, under the name that a checkout has for it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class Finder(MetaPathFinder):
    """Comes before the module path, where the checkout may be."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == PACKAGE:
            return importlib.machinery.PathFinder.find_spec(fullname, [sysconfig.get_path("purelib")], target)
        if fullname.partition(".")[0] not in ROOMS:
            return None
        name = f"{PACKAGE}.{fullname}"
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            return None
        if found is None:
            return None
        return ModuleSpec(
            fullname,
            Aliased(name),
            origin=found.origin,
            is_package=found.submodule_search_locations is not None,
        )


sys.meta_path.insert(0, Finder())

from __future__ import annotations

from pathlib import Path

import pytest

from tests.installed.environment import Installed, build_wheel
from tools.distribution import ROOMS

FOREIGN = "WHO = 'somebody else'\n"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Installed beside somebody else's packages, which are called like our rooms."""
    environment = Installed(tmp_path_factory.mktemp("environment"), wheel)
    for room in ROOMS:
        environment.add_package(room, FOREIGN)
    return environment

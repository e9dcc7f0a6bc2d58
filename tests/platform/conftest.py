from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform.installation import Platform
from tests.support.authority import authority
from tools import package as packaging


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app's package without its wheels: what is in them is imported from this environment."""
    return packaging.write(packaging.ROOT, tmp_path_factory.mktemp("dist"), ())


@pytest.fixture
def platform(package: Path, tmp_path: Path) -> Iterator[Platform]:
    """The stand-in of the platform, on this Python, trusting the tests' authority."""
    packages = [Path(sysconfig.get_path("purelib"))]
    with Platform(tmp_path, package, Path(sys.executable), packages) as installed:
        (installed.home / "etc" / "cacerts.pem").write_text(authority().pem)
        yield installed

"""The build's own step: version, requirements and package come from where they stand once (tools/distribution.py)."""

import sys
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_py import build_py

if sys.version_info < (3, 11):  # noqa: UP036 - pip asks what it needs only after it has run this
    raise SystemExit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ".")

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from tools import distribution  # noqa: E402 - the module path comes first


class BuildPackage(build_py):
    """Lays out the package instead of copying folders as they are."""

    written: tuple[Path, ...] = ()

    def run(self) -> None:
        if self.editable_mode:
            raise SystemExit("A checkout is used as it is, and not installed in place: run `make setup`.")
        try:
            self.written = distribution.lay_out(ROOT, Path(self.build_lib))
        except distribution.BuildError as error:
            raise SystemExit(f"This checkout can't be installed. {error}") from error

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:  # noqa: ARG002 - nothing is compiled here
        return [str(path) for path in self.written]

    def get_source_files(self) -> list[str]:
        return [str(path.relative_to(ROOT)) for path in distribution.sources(ROOT)]


core, extras = distribution.requirements(ROOT)
commands: dict[str, Any] = {"build_py": BuildPackage}
setup(
    version=distribution.version(ROOT),
    packages=[distribution.PACKAGE],
    package_dir={distribution.PACKAGE: "."},
    install_requires=core,
    extras_require=extras,
    cmdclass=commands,
)

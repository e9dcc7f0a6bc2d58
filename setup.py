"""The version of the distribution, which `pyproject.toml` calls dynamic: it stands once, in the manifest."""

import json
from pathlib import Path

from setuptools import setup

MANIFEST = Path(__file__).with_name("connector.json")

setup(version=json.loads(MANIFEST.read_text(encoding="utf-8"))["app_version"])

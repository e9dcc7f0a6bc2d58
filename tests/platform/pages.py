"""Django as the platform's web server uses it, without a server: requests, and the pages that views name."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.template import engines
from django.test import RequestFactory

ROOT = Path(__file__).parents[2]
BASE = Path(__file__).parent / "templates"
"""The platform's part of a page: its frame, in the colours of both themes."""


@cache
def _django() -> None:
    engine = {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [str(ROOT), str(BASE)],
    }
    settings.configure(ALLOWED_HOSTS=["testserver"], TEMPLATES=[engine], USE_I18N=False)
    django.setup()


def get(**fields: str | list[str]) -> Any:
    """A GET request with these fields, several values for a list."""
    _django()
    return RequestFactory().get("/rest/handler/app/asset", fields)


def page(name: str, context: dict[str, Any]) -> str:
    """The page of that name, as the platform shows it."""
    _django()
    text: str = engines["django"].get_template(name).render(context)
    return text

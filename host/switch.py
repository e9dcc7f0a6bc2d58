"""The one switch between the platform and the embedded host: whose classes this app is built on.

The real platform is where its `phantom` package can be imported; everywhere else the embedded host stands in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["ActionResult", "BaseConnector", "Host"]

if TYPE_CHECKING:
    from host.local.action_result import ActionResult
    from host.local.base_connector import BaseConnector, Host
else:
    try:
        from phantom.action_result import ActionResult
        from phantom.base_connector import BaseConnector
    except ModuleNotFoundError as missing:
        # Something that the platform's package itself misses is no sign of being elsewhere.
        if not (missing.name or "").startswith("phantom"):
            raise
        from host.local.action_result import ActionResult
        from host.local.base_connector import BaseConnector, Host
    else:
        from host.soar.context import Host

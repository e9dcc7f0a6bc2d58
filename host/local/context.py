"""What an action sees of the embedded host: `contract.Context` over its data folder."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from actions.contract import Asset, VaultFile
from auth.settings import State
from host.lifetime import Lifetime
from host.texts import escaped

if TYPE_CHECKING:
    from host.local.base_connector import BaseConnector
    from host.local.home import Home


class HostContext(Lifetime):
    """One action run. The data folder is opened when an action asks for something that lies there."""

    def __init__(self, connector: BaseConnector, asset: Asset) -> None:
        super().__init__()
        self._connector = connector
        self.asset = asset
        self.container_id = connector.get_container_id()

    @cached_property
    def vault(self) -> ContainerVault:
        return ContainerVault(self._home, self.container_id)

    @cached_property
    def state(self) -> State:
        return self._home.state(self.asset.id)

    def progress(self, text: str) -> None:
        self._connector.save_progress(escaped(text))

    def sent(self, octets: int, size: int) -> None:
        self._connector.show_sent(octets, size)

    def is_cancelled(self) -> bool:
        return super().is_cancelled() or self._connector.is_action_cancelled()

    @cached_property
    def _home(self) -> Home:
        from host.local.home import Home

        return Home()


class ContainerVault:
    """The vault as seen from one container: its own files first, then everybody's."""

    def __init__(self, home: Home, container_id: str) -> None:
        self._home = home
        self._container_id = container_id

    def find(self, vault_id: str) -> VaultFile:
        """Raises `contract.VaultError`."""
        return self._home.vault.find(vault_id, self._container_id)

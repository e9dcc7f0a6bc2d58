"""`phantom.vault`: where files are put before the vault takes them."""

from __future__ import annotations

import os
from pathlib import Path


class Vault:
    @staticmethod
    def get_vault_tmp_dir() -> str:
        folder = Path(os.environ["PHANTOM_HOME"], "vault", "tmp")
        folder.mkdir(exist_ok=True)
        return str(folder)

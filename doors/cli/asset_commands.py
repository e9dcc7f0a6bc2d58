"""`asset add`, `set`, `list`, `show` and `remove`: each returns what is to be printed."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from auth.providers import profiles
from auth.settings import TOKEN_BELONGS_TO
from doors.cli.assignments import assigned
from doors.cli.terminal import PROGRAM, Terminal
from host.local import inputs, references
from host.local.assets import merged
from host.local.home import Home
from host.local.inputs import GivenAsset, InputError
from host.local.mx import mx_names
from host.local.run import read_asset
from host.manifest.model import Manifest
from host.manifest.validation import unknown_fields

HIDDEN = "********"
_TOKENS_HANG_ON = frozenset({*TOKEN_BELONGS_TO, "managed_identity", "refresh_token", "service_account_json"})


class AssetCommands:
    """Over one data folder. What they raise is `InputError` or `StoreError`."""

    def __init__(self, home: Home, manifest: Manifest, terminal: Terminal) -> None:
        self._home = home
        self._manifest = manifest
        self._terminal = terminal

    def add(self, arguments: Namespace) -> Any:
        if arguments.config is None and arguments.email is None and not arguments.set:
            raise InputError("Say what the asset is: --config FILE, --email ADDRESS, --set FIELD=VALUE.")
        config: dict[str, Any] = {}
        source = None
        if arguments.config == "-":
            config = inputs.standard_input()
        elif arguments.config is not None:
            config = inputs.json_object(Path(arguments.config))
            source = Path(arguments.config) if references.has_secrets(config, self._manifest) else None
        profile = self._profile(arguments.email) if arguments.email is not None else None
        given = assigned(arguments.set, self._manifest, self._terminal.warn)
        if profile is not None:
            known = profile.asset_fields(arguments.email)
            config = {name: known[name] for name in known if name in self._manifest.configuration} | config
        elif arguments.email is not None:
            config = {"username": arguments.email, **config}
        config = merged(config, given)
        if profile is None and arguments.email is not None and not config.get("server"):
            domain = arguments.email.rpartition("@")[2]
            raise InputError(
                f"The mail provider of {domain} is not known here: name its server too, with "
                "--set server=HOST (and port=, ssl_config= where they differ from 587 and StartTLS)."
            )
        self._check(arguments.config or arguments.name, config, source)
        asset_id = self._home.assets.add(arguments.name, references.lasting(config))
        if profile is not None:
            self._tell_of(profile, arguments.name, config)
        return {"id": asset_id, "name": arguments.name}

    def set(self, arguments: Namespace) -> Any:
        """Change fields; the tokens stay unless what they were obtained with has changed."""
        before = self._home.assets.get(arguments.name)
        given = assigned(arguments.fields, self._manifest, self._terminal.warn)
        changes = {name: references.lasting({name: value})[name] for name, value in given.items()}
        changed = [name for name, value in changes.items() if before.config.get(name) != value]
        self._check(before.name, merged(before.config, changes), None)
        asset_id = self._home.assets.set_fields(before.name, changes)
        if lost := [name for name in changed if name in _TOKENS_HANG_ON]:
            state = self._home.state(asset_id)
            with state.lock():
                if state.load():
                    state.remove()
                    self._terminal.warn(
                        f"Signed out: the tokens were obtained with another {', '.join(lost)}."
                    )
        return {"id": asset_id, "name": before.name, "changed": changed}

    def list(self, _arguments: Namespace) -> Any:
        return [asdict(entry) for entry in self._home.assets.list()]

    def show(self, arguments: Namespace) -> Any:
        stored = self._home.assets.get(arguments.name)
        fields = {name: self._shown(name, value) for name, value in stored.config.items()}
        return {"id": stored.id, "name": stored.name, "create_time": stored.create_time, "config": fields}

    def remove(self, arguments: Namespace) -> Any:
        asset_id = self._home.assets.remove(arguments.name)
        self._home.state(asset_id).remove()
        return {"id": asset_id, "name": arguments.name}

    def _check(self, called: str, config: Mapping[str, Any], source: Path | None) -> None:
        read_asset(GivenAsset("", "", called, config), self._manifest, looks=False)
        for warning in unknown_fields(config, self._manifest):
            self._terminal.warn(warning)
        for warning in references.seen_by_others(config, source, self._manifest):
            self._terminal.warn(warning)

    def _profile(self, address: str) -> profiles.Profile | None:
        """The provider of a mailbox: by its domain, else by who takes the domain's mail."""
        local, _, domain = address.rpartition("@")
        if not local or "." not in domain or any(letter.isspace() for letter in address):
            raise InputError(f"{address!r:.80} is not an address: write NAME@DOMAIN.")
        return profiles.find(address) or profiles.find(address, mx_names(domain))

    def _tell_of(self, profile: profiles.Profile, name: str, config: Mapping[str, Any]) -> None:
        self._terminal.say(f"{profile.name}: {profile.server}, port {profile.port}. {profile.notes}".rstrip())
        if any(
            config.get(field)
            for field, declared in self._manifest.configuration.items()
            if declared.is_secret
        ):
            return
        if "Basic" in profile.logins:
            self._terminal.say(f"Give it its password: {PROGRAM} asset set {name} password=@prompt")
        else:
            self._terminal.say(
                f"It takes no passwords: set client_id and what goes with it ({PROGRAM} asset set {name} "
                f"client_id=…), as `{PROGRAM} explain providers` says."
            )

    def _shown(self, name: str, value: Any) -> Any:
        """A value, unless it is a secret or nobody knows what it is: a misspelt `passwrod` is one too."""
        declared = self._manifest.configuration.get(name)
        is_open = declared is not None and (not declared.is_secret or references.is_reference(value))
        return value if is_open else HIDDEN

"""What the relay listens for: an asset, or each destination and tenant, with the way to its mail server."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from auth.settings import Method
from delivery.asset import Asset
from delivery.audience import audience
from delivery.errors import UnusableSettings
from delivery.transport import Access
from doors.relay.client_tokens import ClientTokens
from doors.relay.connectivity import Connectivity
from doors.relay.custom_resource import Found, Resource, find
from doors.relay.destination import APPLICATION, Destination, read
from doors.relay.limits import Limits
from doors.relay.log import Log
from doors.relay.methods import TokenMethod, of_application
from doors.relay.observer import Quiet
from doors.relay.pace import with_known_pace
from doors.relay.upstream import Upstream
from host.local import inputs
from host.local.home import Home
from host.local.inputs import InputError
from host.local.limits import DatabasePace
from host.local.locks import MachineSlots
from host.local.run import read_asset
from host.manifest.model import load
from host.manifest.validation import unknown_fields
from smtp.proxy.handshake import Proxy

FindProxy = Callable[[], Proxy | None]


@dataclass(frozen=True, slots=True)
class Way:
    """One listener's way: `port` is the one it has to have, 0 for the next."""

    name: str
    upstream: Upstream
    tokens: ClientTokens | None = None
    port: int = 0
    dsn_notify: str = ""
    dsn_ret: str = ""


def ways(arguments: Namespace, log: Log, limits: Limits) -> list[Way]:
    """Everything that the command line names. Raises `InputError`, also where nothing is left that works."""
    home = Home()
    if arguments.asset:
        return [_of_asset(arguments.asset, home, log, limits)]
    found = find(Path(path) for path in arguments.destinations)
    faults = list(found.faults)
    connectivity = Connectivity.read(Path(arguments.connectivity)) if arguments.connectivity else None
    ready: list[Way] = []
    for name, tenant, port in _listeners(found, faults):
        try:
            destination = read(found.documents[name], tenant, allow_plaintext=arguments.allow_plaintext_auth)
            find_proxy = _proxy_finder(destination, connectivity)
        except InputError as error:
            faults.append(f"The destination {name} can't be used: {error}")
            continue
        for warning in destination.warnings:
            log.warn(warning)
        ready.append(_of_destination(destination, find_proxy, port, home, log, limits))
    for fault in faults:
        log.warn(fault)
    if not ready:
        where = ", ".join(arguments.destinations)
        raise InputError(f"There is no destination that can be relayed for in {where}.")
    return ready


def _of_asset(source: str, home: Home, log: Log, limits: Limits) -> Way:
    manifest = load()
    given = inputs.asset(source, home)
    for warning in unknown_fields(given.config, manifest):
        log.warn(warning)
    asset = with_known_pace(read_asset(given, manifest))
    try:
        is_redirected = bool(audience(asset).instead)
    except UnusableSettings as error:
        raise InputError(str(error)) from error
    if is_redirected:
        raise InputError("The asset has redirect_to, and what goes through a relay can't be sent elsewhere.")
    upstream = Upstream(
        asset,
        lambda: Access(asset, Quiet(log), home.state(asset.id)),
        limits,
        MachineSlots(home.folder),
        DatabasePace(home.folder, is_urgent=True),
    )
    return Way(given.name or Path(source).stem, upstream)


def _listeners(found: Found, faults: list[str]) -> Iterator[tuple[str, str, int]]:
    """Each destination's name with a tenant and a port, in the order of the names, then of the tenants."""
    asked: dict[str, list[Resource]] = {}
    for resource in found.resources:
        if resource.destination not in found.documents:
            faults.append(f"{resource.where}: there is no destination {resource.destination!r:.80}.")
        asked.setdefault(resource.destination, []).append(resource)
    for name in sorted(found.documents):
        resources = asked.get(name) or [Resource(name, (), 0, "")]
        wanted = {tenant: resource.port for resource in resources for tenant in resource.tenants or ("",)}
        for tenant in sorted(wanted):
            yield name, tenant, wanted[tenant]


def _proxy_finder(destination: Destination, connectivity: Connectivity | None) -> FindProxy | None:
    if not destination.is_on_premise:
        return None
    if connectivity is None:
        raise InputError("ProxyType is OnPremise, so --connectivity FILE has to name the binding.")
    return connectivity.way(destination.tenant, destination.location).find_proxy


def _of_destination(
    destination: Destination, find_proxy: FindProxy | None, port: int, home: Home, log: Log, limits: Limits
) -> Way:
    slots, pace = MachineSlots(home.folder), DatabasePace(home.folder, is_urgent=True)

    def make(asset: Asset, method: Method | None) -> Upstream:
        return Upstream(
            asset,
            lambda: Access(asset, Quiet(log), method=method, find_proxy=find_proxy),
            limits,
            slots,
            pace,
        )

    asset, tokens, method = with_known_pace(destination.asset), None, None
    if destination.asks_client:
        tokens = ClientTokens(replace(destination, asset=asset), make)
        # Nobody logs in to learn what the server offers.
        asset = asset._replace(login=asset.login._replace(username="", password=""))
    elif destination.authentication == APPLICATION:
        fetch = of_application(destination.service, destination.given)
        method = TokenMethod(asset.username, asset.server, asset.port, fetch)
    upstream = make(asset, method)
    return Way(destination.shown, upstream, tokens, port, destination.dsn_notify, destination.dsn_ret)

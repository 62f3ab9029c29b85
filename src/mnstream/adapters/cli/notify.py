"""``mnstream notify``: a producer of reliable notifications."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, cast

import click

from mnstream.adapters.cli.command import (
    Command,
    Number,
    backend_option,
    fail,
    first_of,
    print_ready,
    run,
    wait_for_signal,
)
from mnstream.adapters.cli.reading import STANDARD_INPUT, open_lines
from mnstream.adapters.cli.serving import (
    FILE,
    Listening,
    client_tls,
    explained,
    listening_options,
    signature_option,
    url_of,
)
from mnstream.adapters.http import AllowedNetworks, Signature
from mnstream.adapters.rest.json_text import Unreadable
from mnstream.adapters.rest.notification_json import read_path
from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.emission import DocumentSource, LineSource
from mnstream.adapters.runtime.notifying import (
    DEFAULT_BASE,
    DEFAULT_BASE_PATH,
    NotifierSettings,
    RunningNotifier,
    notifying,
)
from mnstream.adapters.runtime.places import is_loopback
from mnstream.adapters.sources.managed_tree import Style
from mnstream.adapters.sources.watch import WatchSettings
from mnstream.adapters.storage import Durability, StorageError
from mnstream.adapters.storage.notifications import NotificationStoreConfig
from mnstream.core.notification_values import ObjectPath
from mnstream.core.profiles import NOTIFICATION_PROFILES

_STORE = NotificationStoreConfig()
_log = logging.getLogger(__name__)


class Network(click.ParamType[IPv4Network | IPv6Network]):
    """An address or a network in CIDR notation."""

    name = "network"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> IPv4Network | IPv6Network:
        """Read the network."""
        if isinstance(value, IPv4Network | IPv6Network):
            return value
        try:
            return ip_network(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class BaseObject(click.ParamType[ObjectPath]):
    """The path of an object: ``Class=id/Class=id``."""

    name = "path"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> ObjectPath:
        """Read the path; a DN will do as well."""
        text = str(value)
        try:
            path = read_path(text if "/" in text else text.replace(",", "/"))
        except Unreadable as error:
            self.fail(str(error), param, ctx)
        if not path:
            self.fail("an object has a name", param, ctx)
        return path


@click.command(cls=Command)
@listening_options
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Directory of the store; made when it is missing.",
)
@click.option(
    "--emit-from",
    metavar="FILE|-",
    help="Emit notifications given as lines of JSON, from the first subscription on; a file is "
    "gone on with after a crash.",
)
@click.option(
    "--emit-rate",
    type=Number(min=0),
    default=0.0,
    show_default=True,
    help="Lines a second; 0 for as fast as they can be stored.",
)
@click.option(
    "--emit-at-once", is_flag=True, help="Do not wait for a subscription before emitting."
)
@click.option(
    "--watch",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Emit the changes of this JSON or TOML document: members Class=id are managed objects.",
)
@click.option(
    "--watch-style",
    type=click.Choice(["each", "changes"]),
    default="each",
    show_default=True,
    help="A notification for each object, or notifyMOIChanges.",
)
@click.option(
    "--watch-interval",
    type=Number(min=0.01),
    default=1.0,
    show_default=True,
    help="Seconds from one look at it to the next.",
)
@click.option(
    "--profile",
    type=click.Choice(sorted(NOTIFICATION_PROFILES)),
    default="seed",
    show_default=True,
    help="Reading of the standard.",
)
@click.option(
    "--base-object",
    type=BaseObject(),
    default=DEFAULT_BASE,
    show_default=True,
    help="The object that contains the subscriptions.",
)
@click.option("--base-path", default=DEFAULT_BASE_PATH, show_default=True, help="Path of the root.")
@click.option("--base-url", callback=url_of, help="The root as consumers see it, for Location.")
@click.option(
    "--uri-root", callback=url_of, help="Beginning of the URIs in href.  [default: our address]"
)
@click.option("--system-dn", help="systemDN of notifications.  [default: the base object]")
@click.option(
    "--allow-recipients",
    type=Network(),
    multiple=True,
    metavar="NETWORK",
    help="Post to this network only; may be repeated.  [default: everywhere but loopback and "
    "link-local; loopback, too, when --listen is]",
)
@signature_option("File with a secret whsec_...: notifications are signed (Standard Webhooks).")
@click.option(
    "--store-max",
    type=click.IntRange(min=1),
    default=_STORE.notifications_max,
    show_default=True,
    help="Notifications of one subscription that are kept.",
)
@click.option(
    "--store-bytes",
    type=click.IntRange(min=1),
    default=_STORE.bytes_max,
    show_default=True,
    help="Bytes of all notifications that are kept.",
)
@click.option(
    "--store-seconds",
    type=click.IntRange(min=1),
    default=_STORE.age_max_s,
    show_default=True,
    help="Age of notifications that are kept.",
)
@click.option(
    "--durability",
    type=click.Choice([mode.value for mode in Durability]),
    default=Durability.FSYNC.value,
    show_default=True,
    help="What stored means: on the disk, handed to the system, or nothing.",
)
@click.option("--alarms", is_flag=True, help="Log an alarm for a subscription that is not served.")
@click.option("--recipient-ca", type=FILE, help="Roots of the certificates of https recipients.")
@backend_option
def notify(
    *,
    listening: Listening,
    data: Path,
    emit_from: str | None,
    emit_rate: float,
    emit_at_once: bool,
    watch: Path | None,
    watch_style: str,
    watch_interval: float,
    profile: str,
    base_object: ObjectPath,
    base_path: str,
    base_url: str | None,
    uri_root: str | None,
    system_dn: str | None,
    allow_recipients: Sequence[IPv4Network | IPv6Network],
    signature: Signature | None,
    store_max: int,
    store_bytes: int,
    store_seconds: int,
    durability: str,
    alarms: bool,
    recipient_ca: Path | None,
    backend: str,
) -> int:
    """Number, store and deliver notifications, and let consumers fetch what they missed.

    Prints one line of JSON when it can be reached: {url} is the base object, so that PUT
    {url}/NtfSubscriptionControl=1 subscribes and GET {url}/NotificationList=1 shows what is stored.
    SIGTERM and SIGINT stop it; nothing that was stored is lost by that, nor by SIGKILL.
    """
    path = base_path.strip("/")
    settings = NotifierSettings(
        data=data,
        host=listening.host,
        port=listening.port,
        base=base_object,
        base_path=f"/{path}" if path else "",
        base_url=base_url,
        uri_root=uri_root,
        system_dn=system_dn,
        tls=listening.tls,
        recipient_tls=client_tls(recipient_ca, None, None) if recipient_ca else None,
        allowed=_allowed(allow_recipients, listening),
        signature=signature,
        admin=listening.admin,
        profile=NOTIFICATION_PROFILES[profile],
        with_alarms=alarms,
        store=NotificationStoreConfig(
            durability=Durability(durability),
            notifications_max=store_max,
            bytes_max=store_bytes,
            age_max_s=store_seconds,
        ),
    )
    watching = WatchSettings(
        interval_s=watch_interval, style=cast("Style", watch_style), root=uri_root or ""
    )
    document = None if watch is None else DocumentSource(watch, data, watching, _tell)
    main = partial(_notify, settings, _lines(emit_from, data), emit_rate, emit_at_once, document)
    try:
        return run(main, backend=backend)
    except (OSError, StorageError) as error:
        fail(f"notify: {explained(error)}")
    except ExceptionGroup as group:
        known = group.subgroup((OSError, StorageError))
        if known is None:
            raise
        fail(f"notify: {explained(first_of(known))}")


async def _notify(
    settings: NotifierSettings,
    lines: LineSource | None,
    rate: float,
    at_once: bool,
    document: DocumentSource | None,
) -> int:
    async with notifying(settings) as running:
        async with background() as tasks:
            if document is not None:
                tasks.start_soon(document.run, running)
            if lines is not None:
                tasks.start_soon(_emit, lines, running, rate, at_once)
            ready = partial(print_ready, "notify", running.url, running.admin_url)
            code = await wait_for_signal(ready)
        if lines is not None:
            lines.finish(running)
        return code


async def _emit(lines: LineSource, running: RunningNotifier, rate: float, at_once: bool) -> None:
    if not at_once:
        await running.notifier.subscribed()
    try:
        await lines.run(running, rate=rate)
    except OSError as error:
        _tell(f"--emit-from: {error.strerror or error}")


def _allowed(
    networks: Sequence[IPv4Network | IPv6Network], listening: Listening
) -> AllowedNetworks | None:
    if not networks:
        return None
    return AllowedNetworks(networks, loopback=is_loopback(listening.host))


def _lines(source: str | None, data: Path) -> LineSource | None:
    if source is None:
        return None
    file = open_lines(source, option="--emit-from")
    return LineSource(file, None if source == STANDARD_INPUT else Path(source), data, _tell)


def _tell(problem: str) -> None:
    _log.warning("%s", problem)

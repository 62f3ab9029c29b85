"""``mnstream subscribe``: a consumer of reliable notifications."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, assert_never

import anyio
import click

from mnstream.adapters.cli.command import (
    COULD_NOT_START,
    DOES_NOT_HOLD,
    DONE,
    WRONG_USAGE,
    Command,
    backend_option,
    fail,
    first_of,
    json_option,
    obey_signals,
    print_json,
    print_ready,
    run,
)
from mnstream.adapters.cli.serving import (
    FILE,
    Listening,
    check_target,
    client_tls,
    explained,
    listening_options,
    signature_option,
    url_of,
)
from mnstream.adapters.http import Signature
from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.items import Item, Lost, Notification, Reread, Restarted
from mnstream.adapters.runtime.output import OutputFile
from mnstream.adapters.runtime.subscribing import (
    RunningSubscriber,
    SubscriberSettings,
    subscribing,
)
from mnstream.adapters.storage import StorageError
from mnstream.core.errors import MalformedRequest, OperationError
from mnstream.core.notification_values import Scope, ScopeType, SubscriptionId
from mnstream.core.notifications.counts import NotificationConsumerCounts
from mnstream.core.notifications.sequence import EpochSequence
from mnstream.core.values import Json
from mnstream.ports.channel import TransportError

FINISH_S = 8.0
"""How long what was received may take to be given before a subscription is deleted after a signal.

Whoever stops processes commonly kills them after 10 s.
"""


class ScopeOption(click.ParamType[Scope]):
    """``TYPE`` or ``TYPE:LEVEL``."""

    name = "type[:level]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Scope:
        """Read the scope."""
        if isinstance(value, Scope):
            return value
        name, _, level = str(value).partition(":")
        try:
            scope_type = ScopeType(name.upper())
        except ValueError:
            known = ", ".join(each.value for each in ScopeType)
            self.fail(f"{name!r} is none of {known}", param, ctx)
        needs_level = scope_type in (ScopeType.BASE_NTH_LEVEL, ScopeType.BASE_SUBTREE)
        if needs_level != level.isdecimal():
            self.fail(f"{scope_type.value} goes {'with' if needs_level else 'without'} a level",
                      param, ctx)  # fmt: skip
        return Scope(scope_type=scope_type, scope_level=int(level) if needs_level else None)


def _identifier(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> SubscriptionId | None:
    """Refuse an identifier that would not be one segment of a path at every producer."""
    if value is None:
        return None
    if not value.isprintable() or not value.strip() or set(" /") & set(value):
        problem = f"{value[:100]!r} is no identifier: printable, without spaces and slashes"
        raise click.BadParameter(problem, ctx, param)
    return SubscriptionId(value)


@click.command(cls=Command)
@listening_options
@click.option(
    "--provider",
    required=True,
    metavar="URL",
    callback=url_of,
    help="Object that contains the subscriptions.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Directory of the checkpoint; made when it is missing.",
)
@click.option("--types", metavar="T,...", help="Notification types.  [default: all]")
@click.option(
    "--scope",
    type=ScopeOption(),
    help="BASE_ONLY, BASE_ALL, BASE_NTH_LEVEL:N or BASE_SUBTREE:N.  [default: BASE_ALL]",
)
@click.option(
    "--filter", "notification_filter", metavar="XPATH", help="Condition on notifications."
)
@click.option(
    "--heartbeat",
    type=click.IntRange(min=0),
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="Period of heartbeats, which reveal that the last notification was lost; 0 for none.",
)
@click.option(
    "--subscription-id",
    metavar="ID",
    callback=_identifier,
    help="Identifier of the subscription.  [default: one of our own, remembered in --data]",
)
@click.option(
    "--address", metavar="URL", help="Where the producer reaches us.  [default: --listen]"
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Append each notification to this file, exactly once whatever crashes.",
)
@click.option("--count", type=click.IntRange(min=1), help="End after so many notifications.")
@click.option(
    "--unsubscribe",
    is_flag=True,
    help="Delete the subscription at the end; at a signal when all that was received is given.",
)
@signature_option("File with a secret whsec_...: take signed ones only.")
@click.option("--provider-ca", type=FILE, help="Roots of the certificate of the producer.")
@json_option
@backend_option
def subscribe(
    *,
    provider: str,
    listening: Listening,
    data: Path,
    types: str | None,
    scope: Scope | None,
    notification_filter: str | None,
    heartbeat: int,
    subscription_id: SubscriptionId | None,
    address: str | None,
    output: Path | None,
    count: int | None,
    unsubscribe: bool,
    signature: Signature | None,
    provider_ca: Path | None,
    as_json: bool,
    backend: str,
) -> int:
    """Subscribe, receive, order, find holes, recover, and give notifications in sequence.

    Prints one line of JSON when it receives. With --json, each notification follows in order as one
    line, then a summary. Ends with 1 when notifications are lost for good. The subscription stays
    when it ends, unless --unsubscribe: the next start fetches what was missed.
    """
    check_target("--provider", provider, insecure=listening.insecure)
    if address is not None:
        check_target("--address", address, insecure=True)
    settings = SubscriberSettings(
        provider=provider,
        data=data,
        host=listening.host,
        port=listening.port,
        address=address,
        subscription_id=subscription_id,
        types=_types(types),
        scope=scope,
        notification_filter=notification_filter,
        heartbeat_s=heartbeat,
        tls=listening.tls,
        provider_tls=client_tls(provider_ca, None, None) if provider_ca else None,
        signature=signature,
        admin=listening.admin,
    )
    task = Subscribing(settings, output, count, as_json=as_json, unsubscribe=unsubscribe)
    try:
        return run(task.run, backend=backend)
    except BrokenPipeError:
        raise  # whoever read our output has enough
    except (OSError, StorageError, OperationError, TransportError) as error:
        _fail(error, settings)
    except ExceptionGroup as group:
        known = group.subgroup((OSError, StorageError, OperationError, TransportError))
        if known is None:
            raise
        _fail(first_of(known), settings)


def _fail(error: BaseException, settings: SubscriberSettings) -> NoReturn:
    if isinstance(error, OSError | StorageError):
        fail(f"subscribe: {explained(error)}")
    # What the producer cannot read is what our options say, for example --filter.
    code = WRONG_USAGE if isinstance(error, MalformedRequest) else COULD_NOT_START
    fail(f"subscribe: {settings.provider}: {error}", code=code)


@dataclass(slots=True)
class Subscribing:
    """One run of the command."""

    settings: SubscriberSettings
    output: Path | None
    count: int | None
    as_json: bool
    unsubscribe: bool
    code: int = DONE
    given: int = 0
    lost_unknown: bool = False
    is_left: bool = False
    """Whether the subscription should have been deleted and was not."""
    _running: RunningSubscriber | None = None
    _give_up: Callable[[], None] = field(default=lambda: None)
    _giving: anyio.CancelScope | None = None

    async def run(self) -> int:
        """Receive until it is over, and return the exit code."""
        started = time.monotonic()
        running: RunningSubscriber | None = None
        async with background() as tasks:
            with anyio.CancelScope() as everything:
                self._give_up = everything.cancel
                tasks.start_soon(obey_signals, self.stop, everything.cancel)
                async with subscribing(self.settings) as running:
                    self._running = running
                    self.is_left = self.unsubscribe
                    print_ready("subscribe", running.url, running.admin_url)
                    with anyio.CancelScope() as self._giving:
                        await self._give(running)
                    if self.unsubscribe and not self._giving.cancelled_caught:
                        await running.subscriber.unsubscribe()
                        self.is_left = False
        if running is None:
            return self.code
        subscriber = running.subscriber
        missing = self._missing(subscriber.consumer.sequence)
        if self.is_left:
            click.echo(
                f"mnstream subscribe: the subscription is not deleted, {missing} notifications "
                "are not given yet; the next start goes on",
                err=True,
            )
        self._summarize(subscriber.consumer.counts, missing, time.monotonic() - started)
        if subscriber.consumer.counts.lost or self.lost_unknown or self.is_left:
            return DOES_NOT_HOLD
        # Missing for the moment is no loss, unless the producer does not give it.
        return DOES_NOT_HOLD if missing and subscriber.trouble else self.code

    def _missing(self, sequence: EpochSequence | None) -> int:
        """Count what is not here; when the subscription should be gone, what is not given."""
        if sequence is None:
            return 0
        return sequence.highest - sequence.processed if self.is_left else sequence.missing_count

    def stop(self, code: int) -> None:
        """End as a signal asks for; the exit code is ``code`` when all is well."""
        self.code = code
        if self._running is None or self._giving is None:
            self._give_up()
        elif self.unsubscribe:
            # What was received is acknowledged, and with the subscription its store goes: nobody
            # could fetch it any more.
            self._giving.deadline = anyio.current_time() + FINISH_S
            self._running.subscriber.finish()
        else:
            self._running.subscriber.end()

    async def _give(self, running: RunningSubscriber) -> None:
        async with AsyncExitStack() as stack:
            file: OutputFile | None = None
            if self.output is not None:
                file = await stack.enter_async_context(OutputFile.open(self.output))
            async for item in running.subscriber:
                if file is not None and isinstance(item, Notification):
                    await file.write(item.line())
                self._tell(item)
                if self.count is not None and self.given >= self.count:
                    running.subscriber.end()

    def _tell(self, item: Item) -> None:
        match item:
            case Notification():
                self.given += 1
                if self.as_json:
                    _print_line(item.line())
                elif sys.stdout.isatty():
                    click.echo(f"{item.sequence_no:>8}  {item.notification_type}")
            case Lost():
                self.lost_unknown = self.lost_unknown or item.last is None
                self._event(
                    "lost", epoch=item.epoch, first=item.first, last=item.last, reason=item.reason
                )
            case Restarted():
                self._event("restarted", before=item.before, after=item.after, certain=item.certain)
            case Reread():
                types = item.notification_types
                self._event(
                    "reread",
                    notificationTypes=None if types is None else [*sorted(types)],
                    reason=item.reason,
                )
            case _:
                assert_never(item)

    def _event(self, event: str, **members: Json) -> None:
        if self.as_json:
            print_json({"event": event, **members})
            sys.stdout.flush()
        else:
            told = ", ".join(f"{name} {value}" for name, value in members.items())
            click.echo(f"mnstream subscribe: {event}: {told}", err=True)

    def _summarize(self, counts: NotificationConsumerCounts, missing: int, seconds: float) -> None:
        summary = {
            "event": "summary",
            "handed_over": counts.handed_over,
            "received": counts.received,
            "duplicates": counts.duplicates,
            "out_of_order": counts.out_of_order,
            "recovered": counts.recovered,
            "lost": counts.lost,
            "missing": missing,
            "restarts": counts.restarts,
            "heartbeats": counts.heartbeats,
            "seconds": round(seconds, 3),
        }
        if self.as_json:
            print_json(summary)
        elif sys.stdout.isatty():
            click.echo(
                f"{counts.handed_over} notifications in sequence, {counts.recovered} of them "
                f"fetched, {counts.duplicates} duplicates, {missing} missing, {counts.lost} lost"
            )


def _print_line(line: bytes) -> None:
    """Print one line in one piece: whoever reads it never sees a half, even if we are killed."""
    sys.stdout.flush()
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def _types(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    types = frozenset(each.strip() for each in text.split(","))
    if "" in types:
        raise click.BadParameter(
            "a type is empty", click.get_current_context(), param_hint="--types"
        )
    return types

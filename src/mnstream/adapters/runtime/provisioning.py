"""Subscriptions over HTTP: the producer's side of ProvMnS for what this project manages.

Objects are ``{root_path}/{base}/NtfSubscriptionControl=ID``, its ``/HeartbeatControl=ID``, and
beside it the read-only ``NotificationList=ID`` (TS 28.532 12.1.1, TS 28.622 4.3.21-22, TS 32.158).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus

import anyio

from mnstream.adapters.filters import object_filter
from mnstream.adapters.rest.json_text import Unreadable
from mnstream.adapters.rest.messages import JSON_TYPE, Headers, HttpRequest, HttpResponse
from mnstream.adapters.rest.notification_json import read_path, subscription_path
from mnstream.adapters.rest.provisioning.bodies import (
    read_body,
    read_new_subscription,
    read_object,
)
from mnstream.adapters.rest.provisioning.documents import patched_heartbeat, patched_subscription
from mnstream.adapters.rest.provisioning.limits import (
    DEFAULT_PROVISIONING_LIMITS,
    ProvisioningLimits,
)
from mnstream.adapters.rest.provisioning.media import (
    BODY_TYPES,
    FLAT_TYPE,
    PATCH_TYPES,
    answer_type,
    body_type,
)
from mnstream.adapters.rest.provisioning.notification_list import (
    ALL,
    Asked,
    list_parameters,
    read_asked,
)
from mnstream.adapters.rest.provisioning.patches import operation_at_fault
from mnstream.adapters.rest.provisioning.problems import Refusal, problem_response, refusal_of
from mnstream.adapters.rest.provisioning.resources import (
    Resource,
    is_shown,
    keep,
    write_flat,
    write_hierarchical,
)
from mnstream.adapters.rest.provisioning.selection import (
    FILTER,
    SELECTION_PARAMETERS,
    Selection,
    read_parameters,
    read_selection,
    text_of,
)
from mnstream.adapters.rest.provisioning.subscription_control import (
    heartbeat_attributes,
    read_heartbeat,
    read_settings,
    subscription_attributes,
)
from mnstream.adapters.rest.provisioning.targets import (
    METHODS,
    Kind,
    Target,
    locate,
    subscription_target,
    unknown_object,
)
from mnstream.adapters.rest.uris import split_target
from mnstream.adapters.runtime.provisioning_reading import Reading
from mnstream.core.errors import InvalidFilter, LimitExceeded, ObjectExists, OperationError
from mnstream.core.notification_values import HeartbeatControl, SubscriptionId
from mnstream.core.profiles import NotificationProfile
from mnstream.core.values import Json
from mnstream.ports.subscriptions import SubscriptionService, SubscriptionView
from mnstream.ports.transport import Peer


class ProvisioningHandler:
    """Answers requests for the objects of a ``SubscriptionService``; instances are the callable.

    Calls may overlap. Two requests that change the same subscription are carried out one after the
    other, each on what the other left.
    """

    def __init__(
        self,
        service: SubscriptionService,
        *,
        root_path: str,
        root_url: Callable[[HttpRequest], str] | str,
        profile: NotificationProfile,
        limits: ProvisioningLimits = DEFAULT_PROVISIONING_LIMITS,
    ) -> None:
        """Keep what to answer with.

        Args:
            service: The subscriptions. One read of it gives no fewer bytes than
                ``notification_bytes_max`` when there are more.
            root_path: What the path of every object begins with, percent-encoded.
            root_url: The same as an absolute URI, as consumers see it, for ``Location``.
            profile: Reading of the standard.
            limits: What a request may cost.

        Raises:
            ValueError: The path does not begin with a slash, or the base object has no name.
        """
        if not root_path.startswith("/"):
            raise ValueError(f"{root_path!r} does not begin with a slash")
        try:
            self._base = read_path(service.base)
        except Unreadable as problem:
            raise ValueError(f"the base object has no name: {problem}") from problem
        if not self._base:
            raise ValueError("the base object has no name")
        self._service = service
        self._prefix = f"{root_path.rstrip('/')}/"
        self._root_url = root_url
        self._profile = profile
        self._limits = limits
        self._locks: dict[SubscriptionId, anyio.Lock] = {}

    async def __call__(self, request: HttpRequest, peer: Peer) -> HttpResponse | None:
        """Answer one request; None when it is not for an object below the root.

        Refusals are answers. An answer to HEAD has the body of GET; the server leaves it away. Who
        may ask is decided before.
        """
        path, query = split_target(request.target)
        if not path.startswith(self._prefix):
            return None
        try:
            return await self._answer(request, path.removeprefix(self._prefix), query)
        except Refusal as refusal:
            problem = refusal
        except OperationError as error:
            problem = refusal_of(error)
        return problem_response(problem, error_info_only=self._profile.error_info_only)

    async def _answer(self, request: HttpRequest, path: str, query: str) -> HttpResponse:
        if len(request.target) > self._limits.rest.target_bytes_max:
            detail = f"path and query exceed {self._limits.rest.target_bytes_max} bytes"
            raise Refusal(414, detail, name=LimitExceeded.name)
        target = locate(path, base=self._base)
        method = request.method
        if method not in METHODS[target.kind]:
            names = ", ".join(METHODS[target.kind])
            detail = f"{target.kind.value} has the methods {names}"
            raise Refusal(405, detail, headers=(("Allow", names),))
        if method in ("GET", "HEAD"):
            return await self._get(request, target, query)
        read_parameters(query, ())
        if method == "POST":
            return await self._post(request)
        async with self._turn(target.subscription_id):
            about_heartbeat = target.kind is Kind.HEARTBEAT
            match method:
                case "PUT" if about_heartbeat:
                    return await self._put_heartbeat(request, target)
                case "PUT":
                    return await self._put_subscription(request, target)
                case "PATCH":
                    return await self._patch(request, target)
                case _:
                    return await self._delete(target)

    @asynccontextmanager
    async def _turn(self, subscription_id: SubscriptionId) -> AsyncGenerator[None]:
        """Wait for other writers of one subscription; deleting one may take a minute."""
        lock = self._locks.setdefault(subscription_id, anyio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                # A lock is given from one to the next, so nobody waits for one that is free.
                self._locks.pop(subscription_id, None)

    # --- reading ----------------------------------------------------------------------------------

    async def _get(self, request: HttpRequest, target: Target, query: str) -> HttpResponse:
        media_type = answer_type(request.header("Accept"))
        known: tuple[str, ...] = SELECTION_PARAMETERS
        asked = ALL
        if target.kind is Kind.NOTIFICATION_LIST:
            known = (*known, *list_parameters(self._profile))
        parameters = read_parameters(query, known)
        selection = read_selection(parameters, self._limits.rest)
        if target.kind is Kind.NOTIFICATION_LIST:
            asked = read_asked(parameters, self._limits)
        condition = text_of(parameters, FILTER)
        try:
            select = None if condition is None else object_filter(condition)
            resource = await self._reading(selection, asked).show(target)
            if select is not None:
                # A filter sees all attributes, whichever of them are to be shown.
                everything = replace(selection, names=None, pointers=None)
                resource = keep(resource, select(await self._reading(everything, ALL).show(target)))
        except InvalidFilter as error:
            detail = str(error.args[0])
            raise Refusal(400, detail, name=error.name, bad_query_params=(FILTER,)) from error
        if media_type != FLAT_TYPE and not is_shown(resource):
            return HttpResponse(status=204)  # a scope that selects nothing (C6)
        return _shown(200, resource, media_type)

    def _reading(self, selection: Selection, asked: Asked) -> Reading:
        return Reading(
            self._service,
            base=self._base,
            profile=self._profile,
            limits=self._limits,
            selection=selection,
            asked=asked,
        )

    # --- writing ----------------------------------------------------------------------------------

    async def _post(self, request: HttpRequest) -> HttpResponse:
        media_type, body = self._body(request)
        attributes = read_new_subscription(body)
        settings = read_settings(attributes, view=None, profile=self._profile, limits=self._limits)
        subscription_id = await self._service.create(None, settings)
        return self._subscription(201, request, subscription_id, media_type)

    async def _put_subscription(self, request: HttpRequest, target: Target) -> HttpResponse:
        media_type, body = self._body(request)
        subscription_id = target.subscription_id
        attributes = read_object(
            body, class_name=target.kind.value, identifier=subscription_id, path=target.path
        )
        view = self._service.subscription(subscription_id)
        settings = read_settings(attributes, view=view, profile=self._profile, limits=self._limits)
        if view is None:
            await self._service.create(subscription_id, settings)
            return self._subscription(201, request, subscription_id, media_type)
        # Also when nothing changes: a recipient that is back says so by subscribing again.
        await self._service.modify(subscription_id, settings)
        if settings == view.settings:
            return HttpResponse(status=204)
        return self._subscription(200, request, subscription_id, media_type)

    async def _put_heartbeat(self, request: HttpRequest, target: Target) -> HttpResponse:
        media_type, body = self._body(request)
        identifier = target.heartbeat_control_id
        attributes = read_object(
            body, class_name=target.kind.value, identifier=identifier, path=target.path
        )
        before = self._view(target).heartbeat
        if before is not None and before.heartbeat_control_id != identifier:
            detail = f"the subscription has HeartbeatControl={before.heartbeat_control_id[:100]}"
            raise Refusal(409, detail, name=ObjectExists.name)
        heartbeat, trigger = read_heartbeat(attributes, heartbeat_control_id=identifier)
        await self._set_heartbeat(target.subscription_id, before, heartbeat, trigger=trigger)
        if heartbeat == before:
            return HttpResponse(status=204)
        resource = Resource(path=target.path, attributes=heartbeat_attributes(heartbeat))
        if before is None:
            return _shown(201, resource, media_type, (self._location(request, target),))
        return _shown(200, resource, media_type)

    async def _patch(self, request: HttpRequest, target: Target) -> HttpResponse:
        media_type = answer_type(request.header("Accept"))
        patch_type = body_type(request, PATCH_TYPES, header="Accept-Patch")
        patch = read_body(request, self._limits.rest)
        carry_out = self._patch_subscription
        if target.kind is Kind.HEARTBEAT:
            carry_out = self._patch_heartbeat
        try:
            return await carry_out(request, target, media_type, patch_type, patch)
        except Refusal as refused:
            refusal = refused
        except OperationError as error:
            refusal = refusal_of(error)
        at_fault = refusal.bad_attributes or refusal.status in (400, 409)
        if at_fault and refusal.bad_op is None:
            refusal.bad_op = operation_at_fault(patch, refusal.bad_attributes)
        raise refusal

    async def _patch_subscription(
        self, request: HttpRequest, target: Target, media_type: str, patch_type: str, patch: Json
    ) -> HttpResponse:
        view = self._view(target)
        subscription_id = target.subscription_id
        settings, heartbeat, trigger = patched_subscription(
            view,
            patch,
            patch_type,
            base=self._base,
            profile=self._profile,
            limits=self._limits,
        )
        if settings != view.settings:
            await self._service.modify(subscription_id, settings)
        try:
            await self._set_heartbeat(subscription_id, view.heartbeat, heartbeat, trigger=trigger)
        except OperationError:
            if settings != view.settings:
                # A patch is carried out whole or not at all (RFC 5789 2).
                await self._service.modify(subscription_id, view.settings)
            raise
        return self._subscription(200, request, subscription_id, media_type)

    async def _patch_heartbeat(
        self, request: HttpRequest, target: Target, media_type: str, patch_type: str, patch: Json
    ) -> HttpResponse:
        before = self._heartbeat(target)
        parent = subscription_path(self._base, target.subscription_id)
        heartbeat, trigger = patched_heartbeat(
            before, patch, patch_type, parent=parent, limits=self._limits
        )
        await self._set_heartbeat(target.subscription_id, before, heartbeat, trigger=trigger)
        resource = Resource(path=target.path, attributes=heartbeat_attributes(heartbeat))
        return _shown(200, resource, media_type)

    async def _delete(self, target: Target) -> HttpResponse:
        if target.kind is Kind.HEARTBEAT:
            self._heartbeat(target)
            await self._service.set_heartbeat(target.subscription_id, None)
        else:
            self._view(target)
            await self._service.delete(target.subscription_id)
        return HttpResponse(status=204 if self._profile.delete_answers_204 else 200)

    async def _set_heartbeat(
        self,
        subscription_id: SubscriptionId,
        before: HeartbeatControl | None,
        heartbeat: HeartbeatControl | None,
        *,
        trigger: bool,
    ) -> None:
        if heartbeat != before:
            await self._service.set_heartbeat(subscription_id, heartbeat)
        if trigger:
            await self._service.trigger_heartbeat(subscription_id)

    # --- parts ------------------------------------------------------------------------------------

    def _body(self, request: HttpRequest) -> tuple[str, Json]:
        """Return the type of the answer, and the body of a PUT or POST."""
        media_type = answer_type(request.header("Accept"))
        body_type(request, BODY_TYPES, header="Accept", default=JSON_TYPE)
        return media_type, read_body(request, self._limits.rest)

    def _view(self, target: Target) -> SubscriptionView:
        view = self._service.subscription(target.subscription_id)
        if view is None:
            raise unknown_object(f"there is no subscription {target.subscription_id[:100]}")
        return view

    def _heartbeat(self, target: Target) -> HeartbeatControl:
        heartbeat = self._view(target).heartbeat
        wanted = target.heartbeat_control_id
        if heartbeat is None or heartbeat.heartbeat_control_id != wanted:
            raise unknown_object(f"there is no HeartbeatControl={wanted[:100]}")
        return heartbeat

    def _subscription(
        self, status: int, request: HttpRequest, subscription_id: SubscriptionId, media_type: str
    ) -> HttpResponse:
        """Show a subscription as it is now."""
        target = subscription_target(self._base, subscription_id)
        attributes = subscription_attributes(self._view(target), self._profile)
        headers = (self._location(request, target),) if status == HTTPStatus.CREATED else ()
        return _shown(
            status, Resource(path=target.path, attributes=attributes), media_type, headers
        )

    def _location(self, request: HttpRequest, target: Target) -> tuple[str, str]:
        root = self._root_url if isinstance(self._root_url, str) else self._root_url(request)
        return "Location", f"{root.rstrip('/')}/{target.path}"


def _shown(status: int, resource: Resource, media_type: str, headers: Headers = ()) -> HttpResponse:
    body = write_flat(resource) if media_type == FLAT_TYPE else write_hierarchical(resource)
    return HttpResponse(status=status, headers=(("Content-Type", media_type), *headers), body=body)

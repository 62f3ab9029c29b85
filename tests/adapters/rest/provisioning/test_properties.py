"""Whatever is asked: settings survive, patches agree with a model, every answer is a listed one."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import cast

from hypothesis import event, given
from hypothesis import strategies as st

from mnstream.adapters.rest.messages import HttpRequest
from mnstream.adapters.rest.provisioning import PATCH_TYPES
from mnstream.core.notification_values import (
    Scope,
    ScopeType,
    SubscriptionId,
    SubscriptionSettings,
)
from mnstream.core.profiles import NOTIFICATION_PROFILES, NotificationProfile
from mnstream.core.values import Json
from tests import strategies as values
from tests.adapters.rest.provisioning.asking import MERGE, PATCH, Asker, body_of, error_of
from tests.adapters.rest.provisioning.service import BAD_FILTER

ONE = "/NtfSubscriptionControl=1"
S1 = SubscriptionId("1")
STATUSES = {200, 201, 204, 400, 404, 405, 406, 409, 410, 413, 414, 415}

Dict = dict[str, Json]

profiles: st.SearchStrategy[NotificationProfile] = st.sampled_from(
    list(NOTIFICATION_PROFILES.values())
)
addresses = st.sampled_from(["http://h", "https://sink.example:8443/a/b?c=d", "http://[::1]:80/"])
filters = values.names.filter(lambda text: text != BAD_FILTER)
types = st.frozensets(values.names, min_size=1, max_size=4)
levels = st.integers(0, 2**31 - 1)
scopes = st.builds(
    Scope,
    scope_type=st.sampled_from([ScopeType.BASE_ONLY, ScopeType.BASE_ALL]),
    scope_level=st.none(),
) | st.builds(
    Scope,
    scope_type=st.sampled_from([ScopeType.BASE_NTH_LEVEL, ScopeType.BASE_SUBTREE]),
    scope_level=levels,
)
settings = st.builds(
    SubscriptionSettings,
    notification_recipient_address=addresses,
    notification_types=st.none() | types,
    scope=st.none() | scopes,
    notification_filter=st.none() | filters,
)


def attributes_of(asker: Asker, identifier: str = ONE) -> Dict:
    """Read what a consumer may write."""
    names = "notificationRecipientAddress,notificationTypes,scope,notificationFilter"
    return asker.attributes(f"{identifier}?attributes={names}")


@given(wanted=settings, identifier=values.identifiers, profile=profiles)
def test_settings_survive(
    wanted: SubscriptionSettings, identifier: str, profile: NotificationProfile
) -> None:
    asker, other = Asker(profile), Asker(profile)
    body: Dict = {"notificationRecipientAddress": wanted.notification_recipient_address}
    if wanted.notification_types is not None:
        body["notificationTypes"] = [*wanted.notification_types]
    if wanted.scope is not None:
        scope: Dict = {"scopeType": wanted.scope.scope_type.value}
        if wanted.scope.scope_level is not None:
            scope["scopeLevel"] = wanted.scope.scope_level
        body["scope"] = scope
    if wanted.notification_filter is not None:
        body["notificationFilter"] = wanted.notification_filter
    if profile.administrative_state:
        body["administrativeState"] = "UNLOCKED"
    assert asker.put(ONE, **body).status == 201
    assert asker.service.views[S1].settings == wanted
    # What is read can be written, here and at another producer under another name.
    read = asker.get(ONE)
    assert asker.ask("PUT", ONE, read).status == 204
    path = "/NtfSubscriptionControl=" + "".join(f"%{byte:02x}" for byte in identifier.encode())
    written = attributes_of(asker)
    if profile.administrative_state:
        written["administrativeState"] = "UNLOCKED"
    response = other.put(path, **written)
    assert response.status == 201
    assert body_of(response)["id"] == identifier
    assert other.service.views[SubscriptionId(identifier)].settings == wanted


json_of: dict[str, st.SearchStrategy[Json]] = {
    "notificationRecipientAddress": addresses,
    "notificationTypes": types.map(lambda each: cast("Json", sorted(each))),
    "scope": levels.map(lambda n: cast("Json", {"scopeType": "BASE_SUBTREE", "scopeLevel": n})),
    "notificationFilter": filters,
}
changes = st.sampled_from(sorted(json_of)).flatmap(
    lambda name: st.tuples(
        st.just(name),
        st.sampled_from(["add", "replace", "remove", "test", "merge", "merge null"]),
        json_of[name],
    )
)


def apply_to_model(model: Dict, batch: list[tuple[str, str, Json]]) -> Dict | None:
    """Return the attributes after a patch; None when it has to be refused."""
    after = deepcopy(model)
    for name, kind, value in batch:
        if kind in ("replace", "remove", "test") and name not in after:
            return None
        if kind == "test" and after[name] != value:
            return None
        if kind in ("add", "replace", "merge"):
            after[name] = value
        elif kind in ("remove", "merge null"):
            after.pop(name, None)
    return after if "notificationRecipientAddress" in after else None


def write_patch(batch: list[tuple[str, str, Json]]) -> tuple[str, Json]:
    if batch[0][1].startswith("merge"):
        merged: Dict = {name: None if "null" in kind else value for name, kind, value in batch}
        return MERGE, {"attributes": merged}
    operations: list[Json] = []
    for name, kind, value in batch:
        operation: Dict = {"op": kind, "path": f"/attributes/{name}"}
        operations.append(operation if kind == "remove" else {**operation, "value": value})
    return PATCH, operations


def is_one_patch(batch: list[tuple[str, str, Json]]) -> bool:
    merging = [kind.startswith("merge") for _, kind, _ in batch]
    names = [name for name, _, _ in batch]
    return not any(merging) or (all(merging) and len(set(names)) == len(names))


batches = st.lists(changes, min_size=1, max_size=3).filter(is_one_patch)


@given(sequence=st.lists(batches, max_size=6))
def test_patches_do_what_they_do_to_a_model(sequence: list[list[tuple[str, str, Json]]]) -> None:
    asker = Asker()
    model: Dict = {"notificationRecipientAddress": "http://h"}
    assert asker.put(ONE, **model).status == 201
    for batch in sequence:
        media_type, patch = write_patch(batch)
        response = asker.ask("PATCH", ONE, patch, Content_Type=media_type)
        after = apply_to_model(model, batch)
        event(f"{media_type} {response.status}")
        if after is None:
            assert response.status in (400, 409)
        else:
            assert response.status == 200, response
            model = after
        assert attributes_of(asker) == model


# --- anything at all ------------------------------------------------------------------------------

member_names = st.sampled_from(
    [
        *("id", "objectClass", "objectInstance", "attributes", "HeartbeatControl"),
        *("notificationRecipientAddress", "notificationTypes", "scope", "notificationFilter"),
        *("lastSequenceNo", "epoch", "heartbeatNtfPeriod", "triggerHeartbeatNtf", "scopeType"),
        *("scopeLevel", "op", "path", "from", "value", "NtfSubscriptionControl"),
    ]
)
member_values: st.SearchStrategy[Json] = st.sampled_from(
    [
        *("1", "NtfSubscriptionControl", "HeartbeatControl", "http://h", "BASE_ALL", "add"),
        *("remove", "replace", "move", "copy", "test", "/attributes", "/HeartbeatControl=1"),
        *("/HeartbeatControl=1#/attributes", "/attributes/notificationTypes/0", "", "#", "/"),
        *(True, None, 0, BAD_FILTER),
    ]
)
trees: st.SearchStrategy[Json] = st.recursive(
    values.json_values | member_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(member_names, inner, max_size=5),
    max_leaves=15,
)
_any_operation: dict[str, st.SearchStrategy[Json]] = {"op": member_values, "path": member_values}
_sometimes: dict[str, st.SearchStrategy[Json]] = {"from": member_values, "value": trees}
operations = st.fixed_dictionaries(_any_operation, optional=_sometimes)
bodies = st.one_of(
    st.binary(max_size=40),
    trees.map(lambda tree: json.dumps(tree).encode()),
    trees.map(lambda tree: json.dumps({"attributes": tree}).encode()),
    st.dictionaries(member_names, trees, max_size=4).map(
        lambda tree: json.dumps(
            {"attributes": {"notificationRecipientAddress": "http://h"} | tree}
        ).encode()
    ),
    st.lists(operations, max_size=3).map(lambda patch: json.dumps(patch).encode()),
)
pieces = st.sampled_from(
    [
        *("/", "NtfSubscriptionControl=", "HeartbeatControl=", "NotificationList=", "1", "2"),
        *("?", "&", "=", ",", "%", "%2F", "%ff", "attributes=", "fields=/attributes", "scope="),
        *("scopeType=BASE_ALL", "scopeLevel=1", "sequenceNo=", "fromSequenceNo=", "epoch="),
        *("toEventTime=2023-11-14T22:13:28Z", "%7B%7D", "..", "\u00e9", "#", "notifications"),
    ]
)
paths = st.sampled_from(
    ["", ONE, f"{ONE}/HeartbeatControl=1", "/NotificationList=1", "/NtfSubscriptionControl=new"]
)
headers = st.lists(
    st.tuples(
        st.sampled_from(["Accept", "Content-Type", "Content-Encoding"]),
        st.sampled_from([*PATCH_TYPES, "application/json", "*/*;q=0", "q=;q", "", ",;"])
        | values.texts,
    ),
    max_size=2,
).map(tuple)


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", ""]),
    path=paths,
    rest=st.lists(pieces, max_size=5).map("".join),
    pairs=headers | st.sampled_from([(("Content-Type", each),) for each in PATCH_TYPES]),
    body=bodies,
    profile=profiles,
)
def test_anything_is_answered(
    method: str,
    path: str,
    rest: str,
    pairs: tuple[tuple[str, str], ...],
    body: bytes,
    profile: NotificationProfile,
) -> None:
    asker = Asker(profile)
    asker.put(ONE, notificationRecipientAddress="http://h", notificationTypes=["x"])
    asker.put(f"{ONE}/HeartbeatControl=1", heartbeatNtfPeriod=5)
    asker.service.store(S1, 3)
    asker.service.drop(S1, 2)
    before = dict(asker.service.views)
    request = HttpRequest(method=method, target=asker.base + path + rest, headers=pairs, body=body)
    response = asker.request(request)
    if response is None:
        assert not (path + rest).startswith("/")  # the base object has another name then
        return
    event(f"{method} {response.status}")
    assert response.status in STATUSES
    if response.status >= 400:
        assert error_of(response)
        assert asker.service.views == before
    elif response.body:
        json.loads(response.body)
    else:
        assert response.status == 204 or (response.status, method) == (200, "DELETE")

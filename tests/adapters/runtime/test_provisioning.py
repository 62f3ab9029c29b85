"""Objects over HTTP, method by method (TS 28.532 12.1.1, TS 32.158), on a service in memory."""

from __future__ import annotations

import json

import anyio
import pytest

from mnstream.adapters.rest.messages import HttpRequest
from mnstream.adapters.rest.provisioning import PATCH_TYPES, ProvisioningLimits
from mnstream.adapters.runtime.provisioning import ProvisioningHandler
from mnstream.core.notification_values import (
    HeartbeatControl,
    Scope,
    ScopeType,
    SubscriptionId,
    SubscriptionSettings,
)
from mnstream.core.profiles import NOTIFICATION_PROFILES, SEED
from mnstream.core.values import Json
from mnstream.ports.transport import Peer
from tests.adapters.rest.provisioning.asking import (
    GPP_MERGE,
    GPP_PATCH,
    MERGE,
    PATCH,
    ROOT,
    URL,
    Asker,
    body_of,
    error_of,
    parsed,
)
from tests.adapters.rest.provisioning.service import BAD_FILTER, EPOCH, MemoryService

ONE = "/NtfSubscriptionControl=1"
BEAT = f"{ONE}/HeartbeatControl=1"
LIST = "/NotificationList=1"
S1 = SubscriptionId("1")
SINK = "https://sink.example/notify?x=1"
DN = "SubNetwork=1,ManagedElement=1"


@pytest.fixture
def asker() -> Asker:
    return Asker()


@pytest.fixture
def subscribed(asker: Asker) -> Asker:
    assert asker.put(ONE, notificationRecipientAddress=SINK).status == 201
    return asker


# --- which requests are ours ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", ROOT, f"{ROOT}x/ManagedElement=1", "/metrics"])
def test_what_is_not_below_the_root_is_for_somebody_else(asker: Asker, path: str) -> None:
    assert asker.request(HttpRequest(method="GET", target=path)) is None


def test_an_absolute_target_is_the_same(asker: Asker) -> None:
    target = f"https://producer.example:8443{asker.base}"
    response = asker.request(HttpRequest(method="GET", target=target))
    assert response is not None
    assert response.status == 200


@pytest.mark.parametrize("base", ["", "/", "ManagedElement"])
def test_the_base_object_has_a_name(base: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        Asker(base=base)


def test_the_root_begins_with_a_slash() -> None:
    with pytest.raises(ValueError, match="slash"):
        ProvisioningHandler(MemoryService(), root_path="x", root_url=URL, profile=SEED)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/NtfSubscriptionControl=2", 404),
        ("/NtfSubscriptionControl=2/HeartbeatControl=1", 404),
        (f"{ONE}/HeartbeatControl=2", 404),
        (f"{ONE}/HeartbeatControl=1/X=1", 404),
        ("/NotificationList=2", 404),
        ("/GNBDUFunction=1", 404),
        ("/NtfSubscriptionControl", 404),
        ("/NtfSubscriptionControl=", 404),
        ("//NtfSubscriptionControl=1", 404),
        ("/../ManagedElement=1", 404),
        ("/NtfSubscriptionControl=%zz", 400),
        ("/NtfSubscriptionControl=%ff", 400),
        (f"/NtfSubscriptionControl={'1' * 20_000}", 414),
    ],
)
def test_paths_that_lead_nowhere(subscribed: Asker, path: str, status: int) -> None:
    response = subscribed.ask("GET", path)
    assert response.status == status
    assert error_of(response)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("", "GET, HEAD, POST"),
        (ONE, "DELETE, GET, HEAD, PATCH, PUT"),
        (BEAT, "DELETE, GET, HEAD, PATCH, PUT"),
        (LIST, "GET, HEAD"),
    ],
)
def test_other_methods_are_refused(subscribed: Asker, path: str, methods: str) -> None:
    for method in {"DELETE", "PATCH", "POST", "PUT", "OPTIONS", "get"} - set(methods.split(", ")):
        response = subscribed.ask(method, path)
        assert (response.status, response.header("Allow")) == (405, methods)


def test_names_are_compared_decoded(asker: Asker) -> None:
    path = "/NtfSubscriptionControl=a%2Fb%2c%C3%A9"
    response = asker.put(path, notificationRecipientAddress=SINK)
    assert response.status == 201
    assert response.header("Location") == (
        f"{URL}/SubNetwork=1/ManagedElement=1/NtfSubscriptionControl=a%2Fb%2C%C3%A9"
    )
    assert body_of(response)["id"] == "a/b,\u00e9"
    assert body_of(response)["objectInstance"] == f"{DN},NtfSubscriptionControl=a/b\\,\u00e9"
    target = f"{ROOT}/SubNetwork=%31/ManagedElement=1/NtfSubscriptionControl=a%2fb,%C3%A9"
    found = asker.request(HttpRequest(method="GET", target=target))
    assert found is not None
    assert found.status == 200


# --- creating, replacing, deleting ----------------------------------------------------------------

FULL: dict[str, Json] = {
    "notificationRecipientAddress": SINK,
    "notificationTypes": ["notifyNewAlarm", "notifyOwn"],
    "scope": {"scopeType": "BASE_NTH_LEVEL", "scopeLevel": 2},
    "notificationFilter": "//x",
}
STATUS: dict[str, Json] = {
    "lastSequenceNo": 0,
    "operationalState": "ENABLED",
    "availabilityStatus": [],
    "notSentNotificationTypes": [],
    "epoch": EPOCH,
}


def test_put_creates_a_subscription(asker: Asker) -> None:
    response = asker.put(ONE, **FULL)
    assert response.status == 201
    assert response.header("Location") == f"{URL}/SubNetwork=1/ManagedElement=1{ONE}"
    assert response.header("Content-Type") == "application/json"
    expected = {
        "id": "1",
        "objectClass": "NtfSubscriptionControl",
        "objectInstance": f"{DN},NtfSubscriptionControl=1",
        "attributes": FULL | STATUS,
    }
    assert body_of(response) == expected
    assert asker.get(ONE) == expected
    assert asker.service.views[S1].settings == SubscriptionSettings(
        notification_recipient_address=SINK,
        notification_types=frozenset({"notifyNewAlarm", "notifyOwn"}),
        scope=Scope(scope_type=ScopeType.BASE_NTH_LEVEL, scope_level=2),
        notification_filter="//x",
    )


def test_put_replaces_all_settings(asker: Asker) -> None:
    asker.put(ONE, **FULL)
    assert asker.put(ONE, **FULL).status == 204
    response = asker.put(ONE, notificationRecipientAddress=SINK)
    assert response.status == 200
    assert response.header("Location") is None
    assert body_of(response)["attributes"] == {"notificationRecipientAddress": SINK} | STATUS
    assert asker.service.views[S1].settings == SubscriptionSettings(
        notification_recipient_address=SINK
    )


def test_put_takes_what_was_read(asker: Asker) -> None:
    asker.put(ONE, **FULL)
    asker.service.store(S1, 3)
    asker.service.fail(S1)
    read = asker.get(ONE)
    assert asker.ask("PUT", ONE, read).status == 204
    asker.service.store(S1, 1)
    response = asker.ask("PUT", ONE, read)
    assert response.status == 400
    assert error_of(response)["badAttributes"] == ["lastEventTime", "lastSequenceNo"]


def test_what_the_producer_says(subscribed: Asker) -> None:
    subscribed.service.store(S1, 3)
    subscribed.service.fail(S1)
    attributes = subscribed.attributes(ONE)
    assert attributes == {
        "notificationRecipientAddress": SINK,
        "lastSequenceNo": 3,
        "lastEventTime": "2023-11-14T22:13:23.000Z",
        "operationalState": "DISABLED",
        "availabilityStatus": ["DEPENDENCY", "LOG_FULL"],
        "notSentNotificationTypes": None,
        "epoch": EPOCH,
    }


@pytest.mark.parametrize(
    "body",
    [
        {"id": "2"},
        {"id": 1},
        {"objectClass": "HeartbeatControl"},
        {"objectInstance": "ManagedElement=1,NtfSubscriptionControl=1"},
        {"HeartbeatControl": {"id": "1"}},
        {"attributes": []},
        {"attribute": {}},
        [],
        "x",
        {},
    ],
)
def test_bodies_that_are_not_this_object(subscribed: Asker, body: Json) -> None:
    before = subscribed.get(ONE)
    if isinstance(body, dict) and body and "attributes" not in body:
        body = {"attributes": {"notificationRecipientAddress": "http://h"}, **body}
    response = subscribed.ask("PUT", ONE, body)
    assert response.status == 400
    assert error_of(response)["type"] == "malformedRequest"
    assert subscribed.get(ONE) == before


def test_members_that_agree_are_taken(asker: Asker) -> None:
    body: dict[str, Json] = {
        "id": "1",
        "objectClass": "NtfSubscriptionControl",
        "objectInstance": f"{DN},NtfSubscriptionControl=1",
        "attributes": {"notificationRecipientAddress": SINK},
    }
    assert asker.ask("PUT", ONE, body).status == 201


@pytest.mark.parametrize(
    ("attributes", "bad", "status"),
    [
        ({"notificationRecipientAddress": None}, "notificationRecipientAddress", 400),
        ({"notificationRecipientAddress": "/relative"}, "notificationRecipientAddress", 400),
        ({"notificationRecipientAddress": "ftp://h/x"}, "notificationRecipientAddress", 400),
        ({"notificationRecipientAddress": "https://"}, "notificationRecipientAddress", 400),
        ({"notificationRecipientAddress": "https://h:0/"}, "notificationRecipientAddress", 400),
        ({"notificationRecipientAddress": "https://h:77777/"}, "notificationRecipientAddress", 400),
        ({"notificationRecipientAddress": "https://[::/"}, "notificationRecipientAddress", 400),
        ({"notificationRecipientAddress": "https://h/ x"}, "notificationRecipientAddress", 400),
        ({"notificationRecipientAddress": "https://h/\n"}, "notificationRecipientAddress", 400),
        ({"notificationRecipientAddress": "https://h/\u00e9"}, "notificationRecipientAddress", 400),
        ({"notificationRecipientAddress": "https://u:p@h/"}, "notificationRecipientAddress", 400),
        ({"notificationRecipientAddress": "https://h/#x"}, "notificationRecipientAddress", 400),
        ({"notificationRecipientAddress": f"https://h/{'x' * 4_096}"},
         "notificationRecipientAddress", 413),
        ({"notificationTypes": []}, "notificationTypes", 400),
        ({"notificationTypes": "notifyNewAlarm"}, "notificationTypes", 400),
        ({"notificationTypes": ["a", "a"]}, "notificationTypes", 400),
        ({"notificationTypes": ["a", ""]}, "notificationTypes", 400),
        ({"notificationTypes": [5]}, "notificationTypes", 400),
        ({"notificationTypes": [str(n) for n in range(257)]}, "notificationTypes", 413),
        ({"notificationTypes": ["x" * 4_097]}, "notificationTypes", 413),
        ({"scope": "BASE_ALL"}, "scope", 400),
        ({"scope": {}}, "scope", 400),
        ({"scope": {"scopeType": "ALL"}}, "scope", 400),
        ({"scope": {"scopeType": ["BASE_ALL"]}}, "scope", 400),
        ({"scope": {"scopeType": "BASE_SUBTREE"}}, "scope", 400),
        ({"scope": {"scopeType": "BASE_SUBTREE", "scopeLevel": -1}}, "scope", 400),
        ({"scope": {"scopeType": "BASE_SUBTREE", "scopeLevel": True}}, "scope", 400),
        ({"scope": {"scopeType": "BASE_ALL", "level": 1}}, "scope", 400),
        ({"scope": {"dataNodeSelector": "x"}}, "scope", 400),
        ({"notificationFilter": ""}, "notificationFilter", 400),
        ({"notificationFilter": BAD_FILTER}, "notificationFilter", 400),
        ({"notificationFilter": "x" * 4_097}, "notificationFilter", 413),
        ({"notificationfilter": "x"}, "notificationfilter", 400),
        ({"administrativeState": "UNLOCKED"}, "administrativeState", 400),
        ({"lastSequenceNo": 5}, "lastSequenceNo", 400),
        ({"lastSequenceNo": False}, "lastSequenceNo", 400),
        ({"lastEventTime": "2023-11-14T22:13:23.000Z"}, "lastEventTime", 400),
        ({"epoch": 1}, "epoch", 400),
    ],
)  # fmt: skip
def test_attributes_that_are_refused(
    subscribed: Asker, attributes: dict[str, Json], bad: str, status: int
) -> None:
    before = subscribed.get(ONE)
    for path in (ONE, "/NtfSubscriptionControl=new"):
        values = {"notificationRecipientAddress": SINK} | attributes
        response = subscribed.put(path, **values)
        assert response.status == status
        error = error_of(response)
        assert error["badAttributes"] == [bad]
        assert "u:p" not in json.dumps(error)
    assert subscribed.get(ONE) == before
    assert list(subscribed.service.views) == [S1]


def test_an_attribute_that_must_be_there(asker: Asker) -> None:
    response = asker.put(ONE)
    assert response.status == 400
    assert error_of(response)["badAttributes"] == ["notificationRecipientAddress"]


@pytest.mark.parametrize(
    "body",
    [
        {"NtfSubscriptionControl": [{"attributes": FULL}]},
        {"NtfSubscriptionControl": {"attributes": FULL}},
        {"NtfSubscriptionControl": [{"id": None, "objectClass": "NtfSubscriptionControl",
                                     "objectInstance": None, "attributes": FULL}]},
        {"objectClass": "NtfSubscriptionControl", "attributes": FULL},
        {"id": None, "objectClass": "NtfSubscriptionControl", "attributes": FULL},
    ],
)  # fmt: skip
def test_post_lets_the_producer_choose_the_identifier(asker: Asker, body: Json) -> None:
    response = asker.ask("POST", "", body)
    assert response.status == 201
    assert response.header("Location") == (
        f"{URL}/SubNetwork=1/ManagedElement=1/NtfSubscriptionControl=chosen1"
    )
    assert body_of(response) == asker.get("/NtfSubscriptionControl=chosen1")
    assert body_of(response)["attributes"] == FULL | STATUS


@pytest.mark.parametrize(
    "body",
    [
        {"attributes": FULL},
        {"objectClass": "HeartbeatControl", "attributes": {}},
        {"id": "7", "objectClass": "NtfSubscriptionControl", "attributes": FULL},
        {"NtfSubscriptionControl": []},
        {"NtfSubscriptionControl": [{"attributes": FULL}, {"attributes": FULL}]},
        {"NtfSubscriptionControl": [{"attributes": FULL}], "id": "1"},
        {"NtfSubscriptionControl": [5]},
        {"NtfSubscriptionControl": [{"attributes": FULL | {"epoch": EPOCH}}]},
        [{"attributes": FULL}],
    ],
)
def test_posts_that_are_refused(asker: Asker, body: Json) -> None:
    response = asker.ask("POST", "", body)
    assert response.status == 400
    assert error_of(response)
    assert not asker.service.views


def test_delete(subscribed: Asker) -> None:
    subscribed.put(BEAT, heartbeatNtfPeriod=5)
    response = subscribed.ask("DELETE", ONE)
    assert (response.status, response.body) == (204, b"")
    for path in (ONE, BEAT, LIST):
        assert subscribed.ask("GET", path).status == 404
    assert subscribed.ask("DELETE", ONE).status == 404
    assert subscribed.ask("PATCH", ONE, {}, Content_Type=MERGE).status == 404


def test_delete_before_rel_19() -> None:
    asker = Asker(NOTIFICATION_PROFILES["rel18"])
    asker.put(ONE, notificationRecipientAddress=SINK)
    assert asker.ask("DELETE", ONE).status == 200


def test_refusals_of_the_service_are_answered(asker: Asker) -> None:
    asker.put(ONE, notificationRecipientAddress=SINK)
    asker.service.heartbeats_refused = True
    response = asker.put(BEAT, heartbeatNtfPeriod=5)
    assert response.status == 503
    error = error_of(response)
    assert error["type"] == "unavailable"
    assert error["title"] == "Service Unavailable"
    assert error["reason"] == "no heartbeats today"
    assert error["error"] == {"errorInfo": "unavailable: no heartbeats today"}


# --- HeartbeatControl -----------------------------------------------------------------------------


def test_heartbeat_control(subscribed: Asker) -> None:
    response = subscribed.put(BEAT, heartbeatNtfPeriod=5)
    assert response.status == 201
    assert response.header("Location") == f"{URL}/SubNetwork=1/ManagedElement=1{BEAT}"
    expected = {
        "id": "1",
        "objectClass": "HeartbeatControl",
        "objectInstance": f"{DN},NtfSubscriptionControl=1,HeartbeatControl=1",
        "attributes": {"heartbeatNtfPeriod": 5},
    }
    assert body_of(response) == subscribed.get(BEAT) == expected
    assert subscribed.put(BEAT, heartbeatNtfPeriod=5).status == 204
    response = subscribed.put(BEAT)
    assert (response.status, body_of(response)["attributes"]) == (200, {"heartbeatNtfPeriod": 0})
    assert subscribed.service.triggered == []
    assert subscribed.ask("DELETE", BEAT).status == 204
    assert subscribed.service.views[S1].heartbeat is None
    assert subscribed.ask("DELETE", BEAT).status == 404


def test_a_heartbeat_can_be_asked_for(subscribed: Asker) -> None:
    response = subscribed.put(BEAT, heartbeatNtfPeriod=5, triggerHeartbeatNtf=True)
    assert body_of(response)["attributes"] == {"heartbeatNtfPeriod": 5}
    assert subscribed.service.triggered == [S1]
    assert subscribed.put(BEAT, heartbeatNtfPeriod=5, triggerHeartbeatNtf=False).status == 204
    assert subscribed.service.triggered == [S1]
    for media_type, body in (
        (MERGE, {"attributes": {"triggerHeartbeatNtf": True}}),
        (PATCH, [{"op": "replace", "path": "/attributes/triggerHeartbeatNtf", "value": True}]),
    ):
        response = subscribed.ask("PATCH", BEAT, body, Content_Type=media_type)  # type: ignore[arg-type] # a list of dicts is Json, but list is invariant
        assert response.status == 200
        assert body_of(response)["attributes"] == {"heartbeatNtfPeriod": 5}
    assert subscribed.service.triggered == [S1] * 3


@pytest.mark.parametrize(
    ("attributes", "bad"),
    [
        ({"heartbeatNtfPeriod": -1}, "heartbeatNtfPeriod"),
        ({"heartbeatNtfPeriod": 1.0}, "heartbeatNtfPeriod"),
        ({"heartbeatNtfPeriod": True}, "heartbeatNtfPeriod"),
        ({"heartbeatNtfPeriod": 2**31}, "heartbeatNtfPeriod"),
        ({"triggerHeartbeatNtf": 1}, "triggerHeartbeatNtf"),
        ({"period": 1}, "period"),
        ({"epoch": 1}, "epoch"),
    ],
)
def test_heartbeat_attributes_that_are_refused(
    subscribed: Asker, attributes: dict[str, Json], bad: str
) -> None:
    response = subscribed.put(BEAT, **attributes)
    assert response.status == 400
    assert error_of(response)["badAttributes"] == [bad]
    assert subscribed.service.views[S1].heartbeat is None


def test_a_subscription_has_one_heartbeat_control(subscribed: Asker) -> None:
    subscribed.put(BEAT, heartbeatNtfPeriod=5)
    response = subscribed.put(f"{ONE}/HeartbeatControl=2", heartbeatNtfPeriod=7)
    assert response.status == 409
    assert error_of(response)["type"] == "objectExists"
    assert subscribed.put("/NtfSubscriptionControl=2/HeartbeatControl=1").status == 404


# --- patching -------------------------------------------------------------------------------------


@pytest.mark.parametrize("media_type", PATCH_TYPES)
def test_patch_takes_all_six_types(subscribed: Asker, media_type: str) -> None:
    body: Json = {"id": "1", "attributes": {"notificationFilter": "//y"}}
    if "json-patch" in media_type:
        body = [{"op": "add", "path": "/attributes/notificationFilter", "value": "//y"}]
    content_type = f"{media_type.upper()}; charset=utf-8"
    response = subscribed.ask("PATCH", ONE, body, Content_Type=content_type)
    assert response.status == 200
    assert body_of(response) == subscribed.get(ONE)
    assert subscribed.attributes(ONE)["notificationFilter"] == "//y"


@pytest.mark.parametrize("headers", [{}, {"Content_Type": "application/json"}])
def test_patch_says_which_types_there_are(subscribed: Asker, headers: dict[str, str]) -> None:
    response = subscribed.ask("PATCH", ONE, {}, **headers)
    assert response.status == 415
    assert response.header("Accept-Patch") == ", ".join(PATCH_TYPES)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"attributes": {"notificationRecipientAddress": None}}, 400),
        ({"attributes": None}, 400),
        ({"attributes": {"lastSequenceNo": 7}}, 400),
        ({"attributes": {"lastSequenceNo": None}}, 200),
        ({"attributes": {"notificationTypes": None, "scope": None}}, 200),
        ({"attributes": {"scope": {"scopeLevel": 1}}}, 200),
        ({"attributes": {"scope": {"scopeLevel": None}}}, 400),
        ({"id": "2"}, 400),
        ({"id": None}, 200),
        ({"HeartbeatControl": {"id": "1"}}, 400),
        ({}, 200),
        ([], 400),
        (None, 400),
    ],
)
def test_merge_patches(asker: Asker, body: Json, status: int) -> None:
    asker.put(ONE, **FULL)
    before = asker.service.views[S1].settings
    response = asker.ask("PATCH", ONE, body, Content_Type=MERGE)
    assert response.status == status
    if status != 200:
        assert error_of(response)
        assert asker.service.views[S1].settings == before


REFUSED_PATCHES: list[tuple[list[tuple[str, str, Json]], str]] = [
    ([("replace", "/attributes/scope", {"scopeType": "BASE_ALL"}),
      ("add", "/attributes/bogus", 1)], "/1"),
    ([("add", "/attributes/bogus", 1),
      ("replace", "/attributes/scope", {"scopeType": "BASE_ALL"})], "/0"),
    ([("replace", "/attributes/scope/scopeType", "BASE_ALL")], "/0"),
    ([("replace", "/attributes/notificationFilter", BAD_FILTER),
      ("replace", "/attributes/scope", {"scopeType": "BASE_ALL"})], "/0"),
    ([("remove", "/attributes/notificationFilter", None), ("replace", "/attributes", {})], "/1"),
    ([("replace", "", [])], "/0"),
]  # fmt: skip


@pytest.mark.parametrize(("operations", "bad"), REFUSED_PATCHES)
def test_a_json_patch_that_is_refused_says_which_operation_it_was(
    asker: Asker, operations: list[tuple[str, str, Json]], bad: str
) -> None:
    asker.put(ONE, **FULL)
    body: list[Json] = [{"op": op, "path": path, "value": value} for op, path, value in operations]
    response = asker.ask("PATCH", ONE, body, Content_Type=PATCH)
    assert response.status == 400
    assert error_of(response)["badOp"] == bad


def test_a_merge_patch_has_no_operations(asker: Asker) -> None:
    asker.put(ONE, **FULL)
    response = asker.ask("PATCH", ONE, {"attributes": {"bogus": 1}}, Content_Type=MERGE)
    assert "badOp" not in error_of(response)


def test_a_json_patch_is_all_or_nothing(asker: Asker) -> None:
    asker.put(ONE, **FULL)
    before = asker.get(ONE)
    operations: list[Json] = [
        {"op": "add", "path": "/attributes/notificationTypes/0", "value": "x"},
        {"op": "remove", "path": "/attributes/notificationFilter"},
        {"op": "test", "path": "/attributes/lastSequenceNo", "value": 1},
    ]
    response = asker.ask("PATCH", ONE, operations, Content_Type=PATCH)
    assert response.status == 409
    assert error_of(response)["badOp"] == "/2"
    assert asker.get(ONE) == before
    response = asker.ask("PATCH", ONE, operations[:2], Content_Type=PATCH)
    assert response.status == 200
    expected = {**FULL, "notificationTypes": ["notifyNewAlarm", "notifyOwn", "x"]}
    del expected["notificationFilter"]
    assert asker.attributes(ONE) == expected | STATUS


HEARTBEAT: dict[str, Json] = {"id": "h", "attributes": {"heartbeatNtfPeriod": 9}}


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (GPP_MERGE, {"HeartbeatControl": HEARTBEAT}),
        (GPP_MERGE, {"HeartbeatControl": [HEARTBEAT]}),
        (GPP_PATCH, [{"op": "add", "path": "/HeartbeatControl=h", "value": HEARTBEAT}]),
        (GPP_PATCH, [{"op": "add", "path": "/HeartbeatControl", "value": HEARTBEAT}]),
    ],
)
def test_patches_of_3gpp_create_children(subscribed: Asker, media_type: str, body: Json) -> None:
    response = subscribed.ask("PATCH", ONE, body, Content_Type=media_type)
    assert response.status == 200
    expected = HeartbeatControl(heartbeat_control_id="h", heartbeat_ntf_period_s=9)
    assert subscribed.service.views[S1].heartbeat == expected


@pytest.mark.parametrize(
    ("media_type", "body", "period", "triggered"),
    [
        (GPP_MERGE, {"HeartbeatControl": {"attributes": {"heartbeatNtfPeriod": 7}}}, 7, 0),
        (GPP_MERGE, {"HeartbeatControl": {"attributes": {"triggerHeartbeatNtf": True}}}, 5, 1),
        (GPP_MERGE, {"HeartbeatControl": None}, None, 0),
        (GPP_PATCH, [{"op": "replace", "path": "/HeartbeatControl=1#/attributes/heartbeatNtfPeriod",
                      "value": 7}], 7, 0),
        (GPP_PATCH, [{"op": "replace", "path": "/HeartbeatControl=1/attributes/heartbeatNtfPeriod",
                      "value": 7}], 7, 0),
        (GPP_PATCH, [{"op": "replace", "path": "/HeartbeatControl=%31#/attributes",
                      "value": {"triggerHeartbeatNtf": True}}], 0, 1),
        (GPP_PATCH, [{"op": "remove", "path": "/HeartbeatControl=1"}], None, 0),
        (GPP_PATCH, [{"op": "add", "path": "#/attributes/notificationFilter", "value": "x"}], 5, 0),
    ],
)  # fmt: skip
def test_patches_of_3gpp_change_children(
    subscribed: Asker, media_type: str, body: Json, period: int | None, triggered: int
) -> None:
    subscribed.put(BEAT, heartbeatNtfPeriod=5)
    response = subscribed.ask("PATCH", ONE, body, Content_Type=media_type)
    assert response.status == 200
    heartbeat = subscribed.service.views[S1].heartbeat
    assert (None if heartbeat is None else heartbeat.heartbeat_ntf_period_s) == period
    assert len(subscribed.service.triggered) == triggered


@pytest.mark.parametrize(
    ("media_type", "body", "status"),
    [
        (GPP_MERGE, {"HeartbeatControl": HEARTBEAT}, 409),
        (GPP_MERGE, {"HeartbeatControl": {"id": None}}, 400),
        (GPP_MERGE, {"HeartbeatControl": 5}, 400),
        (GPP_MERGE, {"HeartbeatControl": [5, 5]}, 400),
        (GPP_MERGE, {"HeartbeatControl": {"attributes": {"x": 1}}}, 400),
        (GPP_MERGE, {"HeartbeatControl": {"objectClass": "X"}}, 400),
        (GPP_MERGE, {"NotificationList": 1}, 400),
        (GPP_PATCH, [{"op": "remove", "path": "/HeartbeatControl=2"}], 400),
        (GPP_PATCH, [{"op": "remove", "path": "/HeartbeatControl=%zz"}], 400),
        (GPP_PATCH, [{"op": "add", "path": "/X=1", "value": 1}], 400),
        (PATCH, [{"op": "remove", "path": "/HeartbeatControl=1"}], 400),
        (PATCH, [{"op": "remove", "path": "/HeartbeatControl"}], 400),
    ],
)
def test_patches_of_children_that_are_refused(
    subscribed: Asker, media_type: str, body: Json, status: int
) -> None:
    subscribed.put(BEAT, heartbeatNtfPeriod=5)
    before = subscribed.service.views[S1]
    assert subscribed.ask("PATCH", ONE, body, Content_Type=media_type).status == status
    assert subscribed.service.views[S1] == before
    assert subscribed.service.triggered == []


def test_a_patch_of_two_objects_is_undone_when_the_second_is_refused(subscribed: Asker) -> None:
    before = subscribed.service.views[S1]
    subscribed.service.heartbeats_refused = True
    body: Json = {"attributes": {"notificationFilter": "x"}, "HeartbeatControl": HEARTBEAT}
    assert subscribed.ask("PATCH", ONE, body, Content_Type=GPP_MERGE).status == 503
    assert subscribed.service.views[S1] == before


# --- profiles -------------------------------------------------------------------------------------


def test_administrative_state_of_rel_20() -> None:
    asker = Asker(NOTIFICATION_PROFILES["rel20"])
    asker.put(ONE, notificationRecipientAddress=SINK)
    assert asker.attributes(ONE)["administrativeState"] == "LOCKED"
    assert asker.service.views[S1].settings.locked
    response = asker.ask(
        "PATCH", ONE, {"attributes": {"administrativeState": "UNLOCKED"}}, Content_Type=MERGE
    )
    assert body_of(response)["attributes"]
    assert not asker.service.views[S1].settings.locked
    wrong: list[Json] = ["SHUTTING_DOWN", None, 5, []]
    for state in wrong:
        response = asker.put(ONE, notificationRecipientAddress=SINK, administrativeState=state)
        assert response.status == 400


def test_errors_before_rel_19() -> None:
    asker = Asker(NOTIFICATION_PROFILES["rel18"])
    response = asker.put(ONE, x=1)
    assert (response.status, parsed(response)) == (
        400,
        {"error": {"errorInfo": "malformedRequest: unknown attributes: x"}},
    )


def test_errors_of_rel_19(asker: Asker) -> None:
    assert parsed(asker.put(ONE, x=1)) == {
        "status": "400",
        "type": "malformedRequest",
        "title": "Bad Request",
        "reason": "unknown attributes: x",
        "badAttributes": ["x"],
        "error": {"errorInfo": "malformedRequest: unknown attributes: x"},
    }


def test_without_our_extension() -> None:
    asker = Asker(NOTIFICATION_PROFILES["strict"])
    asker.put(ONE, notificationRecipientAddress=SINK)
    assert "epoch" not in asker.attributes(ONE)
    assert not {"epoch", "epochs", "nextEpoch"} & asker.attributes(LIST).keys()
    assert asker.ask("GET", f"{LIST}?epoch={EPOCH}").status == 400
    assert asker.put(ONE, notificationRecipientAddress=SINK, epoch=EPOCH).status == 400


# --- media types and bodies -----------------------------------------------------------------------


def test_bodies_that_cannot_be_read(subscribed: Asker) -> None:
    for method, media_type in (("PUT", "application/json"), ("PATCH", MERGE), ("PATCH", PATCH)):
        for body in (b"", b"{", b"\xff", b'{"a":1,"a":2}', b"[" * 40 + b"]" * 40, b"NaN"):
            response = subscribed.ask(method, ONE, body, Content_Type=media_type)
            assert response.status == 400
            assert error_of(response)


@pytest.mark.parametrize(
    ("header", "value", "answered"),
    [
        ("Content_Type", "text/plain", "Accept"),
        ("Content_Type", MERGE, "Accept"),
        ("Content_Encoding", "gzip", "Accept-Encoding"),
    ],
)
def test_bodies_of_other_types(asker: Asker, header: str, value: str, answered: str) -> None:
    body: Json = {"attributes": FULL}
    response = asker.ask("PUT", ONE, body, **{header: value})
    assert response.status == 415
    assert response.header(answered)
    assert not asker.service.views


def test_a_refused_accept_changes_nothing(asker: Asker) -> None:
    assert asker.ask("PUT", ONE, {"attributes": FULL}, Accept="text/html").status == 406
    assert not asker.service.views


def test_queries_belong_to_get(subscribed: Asker) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        response = subscribed.ask(method, f"{ONE}?scopeType=BASE_ALL", {})
        assert response.status == 400
        assert error_of(response)["badQueryParams"] == ["scopeType"]
    assert S1 in subscribed.service.views


# --- both event loops -----------------------------------------------------------------------------


@pytest.mark.anyio
async def test_writers_of_one_subscription_take_turns() -> None:
    class Slow(MemoryService):
        async def modify(
            self, subscription_id: SubscriptionId, settings: SubscriptionSettings
        ) -> None:
            for _ in range(3):
                await anyio.lowlevel.checkpoint()
            await super().modify(subscription_id, settings)

    service = Slow("ManagedElement=1")
    handler = ProvisioningHandler(
        service, root_path=f"{ROOT}/", root_url=lambda request: f"http://h{ROOT}/", profile=SEED
    )
    target = f"{ROOT}/ManagedElement=1{ONE}"

    async def ask(method: str, media_type: str, body: Json) -> None:
        request = HttpRequest(
            method=method,
            target=target,
            headers=(("Content-Type", media_type),),
            body=json.dumps(body).encode(),
        )
        response = await handler(request, Peer())
        assert response is not None
        assert response.status in (200, 201)
        if response.status == 201:
            assert response.header("Location") == f"http://h{target}"

    await ask("PUT", "application/json", {"attributes": {"notificationRecipientAddress": SINK}})
    types: Json = {"attributes": {"notificationTypes": ["a"]}}
    condition: Json = {"attributes": {"notificationFilter": "b"}}
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "PATCH", MERGE, types)
        tasks.start_soon(ask, "PATCH", MERGE, condition)
    assert service.views[S1].settings == SubscriptionSettings(
        notification_recipient_address=SINK,
        notification_types=frozenset({"a"}),
        notification_filter="b",
    )


@pytest.mark.anyio
async def test_a_writer_that_takes_long_delays_only_its_own_subscription() -> None:
    class Slow(MemoryService):
        async def delete(self, subscription_id: SubscriptionId) -> None:
            deleting.set()
            await anyio.sleep_forever()

    deleting = anyio.Event()
    service = Slow("ManagedElement=1")
    handler = ProvisioningHandler(service, root_path=ROOT, root_url=URL, profile=SEED)

    async def ask(method: str, name: str) -> int:
        request = HttpRequest(
            method=method,
            target=f"{ROOT}/ManagedElement=1/NtfSubscriptionControl={name}",
            body=json.dumps({"attributes": {"notificationRecipientAddress": SINK}}).encode(),
        )
        response = await handler(request, Peer())
        assert response is not None
        return response.status

    assert await ask("PUT", "1") == 201
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "DELETE", "1")
        await deleting.wait()
        tasks.start_soon(ask, "PUT", "1")
        await anyio.wait_all_tasks_blocked()
        for name in range(100):
            assert await ask("PUT", f"other{name}") == 201
        tasks.cancel_scope.cancel()
    with anyio.fail_after(5):
        assert await ask("PUT", "1") == 204


def test_limits_can_be_set() -> None:
    asker = Asker(limits=ProvisioningLimits(text_chars_max=20, notification_types_max=1))
    assert asker.put(ONE, notificationRecipientAddress="http://h/" + 20 * "x").status == 413
    types: list[Json] = ["a", "b"]
    response = asker.put(ONE, notificationRecipientAddress="http://h", notificationTypes=types)
    assert response.status == 413

"""What is answered is what `specs/openapi/provisioning.yaml` promises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from mnstream.adapters.rest.messages import HttpResponse
from mnstream.adapters.rest.provisioning.media import PATCH_TYPES
from mnstream.adapters.rest.provisioning.notification_list import list_parameters
from mnstream.adapters.rest.provisioning.selection import SELECTION_PARAMETERS
from mnstream.adapters.rest.provisioning.targets import METHODS, Kind
from mnstream.core.notification_values import SubscriptionId
from mnstream.core.profiles import NOTIFICATION_PROFILES, SEED
from mnstream.core.values import Json
from tests.adapters.rest import openapi
from tests.adapters.rest.openapi import fault, items, members, resolve
from tests.adapters.rest.provisioning.asking import GPP_MERGE, MERGE, PATCH, Asker
from tests.adapters.rest.provisioning.service import EPOCH

FILE = Path(__file__).parents[4] / "specs" / "openapi" / "provisioning.yaml"
FLAT = "application/vnd.3gpp.object-tree-flat+json"
HIERARCHICAL = "application/vnd.3gpp.object-tree-hierarchical+json"
BASE = "/{base}"
ONE = f"{BASE}/NtfSubscriptionControl={{subscriptionId}}"
PATHS: dict[str, Kind] = {
    BASE: Kind.BASE,
    ONE: Kind.SUBSCRIPTION,
    f"{ONE}/HeartbeatControl={{heartbeatControlId}}": Kind.HEARTBEAT,
    f"{BASE}/NotificationList={{subscriptionId}}": Kind.NOTIFICATION_LIST,
}
BEAT, LIST = list(PATHS)[2:]
S1 = SubscriptionId("1")
IDS = {"{base}": "", "{subscriptionId}": "1", "{heartbeatControlId}": "1"}

Dict = dict[str, Json]


@pytest.fixture
def document(monkeypatch: pytest.MonkeyPatch) -> Dict:
    """Read our file with the tool that reads the other one."""
    monkeypatch.setattr(openapi, "FILE", FILE)
    monkeypatch.setattr(openapi, "KEYWORDS", openapi.KEYWORDS | {"nullable"})
    for name, kind in (("integer", int), ("boolean", bool)):
        monkeypatch.setitem(openapi.TYPES, name, kind)
    return openapi.load()


def references(value: Json) -> Iterator[Dict]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_every_reference_leads_somewhere(document: Dict) -> None:
    found = list(references(document))
    assert len(found) > 100
    for reference in found:
        assert resolve(document, reference)
    used = {str(reference["$ref"]) for reference in found}
    for kind, parts in members(document["components"]).items():
        for name in members(parts):
            assert f"#/components/{kind}/{name}" in used


def test_it_has_the_resources_and_methods_that_are_served(document: Dict) -> None:
    paths = members(document["paths"])
    assert set(paths) == set(PATHS)
    for path, kind in PATHS.items():
        described = {name.upper() for name in members(paths[path])} - {"PARAMETERS"}
        assert described == set(METHODS[kind])


def test_it_has_the_parameters_that_are_read(document: Dict) -> None:
    for path, kind in PATHS.items():
        get = members(members(members(document["paths"])[path])["get"])
        described = [resolve(document, each)["name"] for each in items(get["parameters"])]
        own = list_parameters(SEED) if kind is Kind.NOTIFICATION_LIST else ()
        assert described == [*own, *SELECTION_PARAMETERS]


def test_pointers_into_every_array_are_refused(document: Dict) -> None:
    schemas = members(members(document["components"])["schemas"])
    arrays = {
        name
        for schema in ("SubscriptionAttributes", "NotificationListAttributes")
        for name, rules in members(members(schemas[schema])["properties"]).items()
        if resolve(document, rules)["type"] == "array"
    }
    assert "notifications" in arrays
    asker = Asker()
    for name in arrays:
        assert asker.ask("GET", f"?fields=/attributes/{name}/0").status == 400
        assert asker.ask("GET", f"?fields=/attributes/{name}").status == 200


def test_it_has_the_types_of_patches(document: Dict) -> None:
    patch = resolve(document, {"$ref": "#/components/requestBodies/Patch"})
    assert tuple(members(patch["content"])) == PATCH_TYPES


def without_nulls(value: Json) -> Json:
    """Leave away the one member that may be null; the tool knows no ``nullable``."""
    if isinstance(value, dict):
        return {
            name: without_nulls(member)
            for name, member in value.items()
            if (name, member) != ("notSentNotificationTypes", None)
        }
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def check(document: Dict, path: str, method: str, response: HttpResponse) -> None:
    operation = members(members(members(document["paths"])[path])[method.lower()])
    answers = members(operation["responses"])
    described = answers.get(str(response.status))
    if described is None:
        assert response.status >= 400
        described = answers["default"]
    rules = resolve(document, described)
    for name in members(rules.get("headers", {})):
        assert response.header(name)
    if "content" not in rules:
        assert response.body == b""
        return
    media_type = response.header("Content-Type")
    assert media_type is not None
    schema = members(members(rules["content"])[media_type])["schema"]
    body = without_nulls(cast("Json", json.loads(response.body)))
    assert fault(document, schema, body) == ""


def ask(
    asker: Asker, document: Dict, method: str, path: str, body: Json = None, query: str = "",
    **headers: str,
) -> int:  # fmt: skip
    """Ask about a path of the file, hold the answer against it, and return its status code."""
    named = path
    for name, value in IDS.items():
        named = named.replace(name, value)
    response = asker.ask(method, named.removeprefix("/") + query, body, **headers)
    check(document, path, method, response)
    return response.status


SETTINGS: Dict = {
    "notificationRecipientAddress": "http://h",
    "notificationTypes": ["a"],
    "scope": {"scopeType": "BASE_SUBTREE", "scopeLevel": 1},
    "notificationFilter": "x",
}


@pytest.mark.parametrize("profile", list(NOTIFICATION_PROFILES))
def test_answers(document: Dict, profile: str) -> None:
    asker = Asker(NOTIFICATION_PROFILES[profile])
    subscription: Json = {"attributes": SETTINGS}
    new: Json = {"NtfSubscriptionControl": [subscription]}
    beats: Json = {"attributes": {"heartbeatNtfPeriod": 5, "triggerHeartbeatNtf": True}}

    def asking(method: str, path: str, body: Json = None, query: str = "", **headers: str) -> int:
        return ask(asker, document, method, path, body, query, **headers)

    assert asking("PUT", ONE, subscription) == 201
    assert asking("PUT", ONE, subscription) == 204
    assert asking("POST", BASE, new) == 201
    assert asking("PUT", BEAT, beats) == 201
    assert asking("PUT", BEAT, {}) == 200
    assert asking("PUT", BEAT, beats) == 200
    assert asking("PUT", BEAT, {"x": 1}) == 400
    assert asking("PATCH", BEAT, {"x": 1}, Content_Type=MERGE) == 400
    assert asking("PATCH", BEAT, {}, Content_Type=MERGE) == 200
    assert asking("PATCH", ONE, {}, Content_Type=GPP_MERGE) == 200
    assert asking("PATCH", ONE, [{}], Content_Type=PATCH) == 400
    bogus: Json = [{"op": "add", "path": "/attributes/bogus", "value": 1}]
    assert asking("PATCH", ONE, bogus, Content_Type=PATCH) == 400
    assert asking("PATCH", ONE) == 415
    asker.service.store(S1, 5)
    asker.service.drop(S1, 3)
    asker.service.fail(S1)
    for accept in ("application/json", FLAT, HIERARCHICAL):
        for path in PATHS:
            for query in ("", "?scopeType=BASE_ALL&attributes=scope,notifications"):
                assert asking("GET", path, query=query, Accept=accept) == 200
            assert asking("GET", path, query="?fields=/attributes/scope", Accept=accept) == 200
        assert asking("GET", BASE, query="?scopeType=BASE_ALL", Accept=accept) == 200
    assert asking("GET", BASE, query="?scopeType=BASE_NTH_LEVEL&scopeLevel=5") == 204
    assert asking("GET", LIST, query="?sequenceNo=1") == 410
    assert asking("GET", LIST, query="?sequenceNo=9") == 404
    assert asking("GET", LIST, query="?fromSequenceNo=1") == 200
    assert asking("GET", LIST, query="?toEventTime=2030-01-01T00:00:00Z") == 200
    assert asking("GET", LIST, query="?toEventTime=2000-01-01T00:00:00Z") == 410
    asker.service.restart(S1)
    known = NOTIFICATION_PROFILES[profile].tell_epoch
    assert asking("GET", LIST, query=f"?epoch={EPOCH}") == (200 if known else 400)
    deleted = 204 if NOTIFICATION_PROFILES[profile].delete_answers_204 else 200
    for path in (BEAT, ONE):
        assert asking("DELETE", path) == deleted
        assert asking("DELETE", path) == 404
        assert asking("GET", path) == 404
    assert asking("GET", LIST) == 404


def test_bodies_that_the_file_promises_are_taken(document: Dict) -> None:
    subscription: Dict = {"objectClass": "NtfSubscriptionControl", "attributes": SETTINGS}
    bodies: dict[str, Json] = {
        "SubscriptionToWrite": {"id": "1", **subscription},
        "NewSubscription": subscription,
        "NewSubscriptionInArray": {"NtfSubscriptionControl": [subscription]},
        "NewSubscriptionInObject": {"NtfSubscriptionControl": subscription},
    }
    asker = Asker()
    for name, body in bodies.items():
        assert fault(document, {"$ref": f"#/components/schemas/{name}"}, body) == ""
        writing = name == "SubscriptionToWrite"
        method, path = ("PUT", ONE) if writing else ("POST", BASE)
        assert ask(asker, document, method, path, body) == 201


@pytest.mark.parametrize("body", [{}, {"error": {}}, {"error": {"errorInfo": "x"}, "y": 1}])
def test_the_validator_finds_faults(document: Dict, body: Json) -> None:
    assert fault(document, {"$ref": "#/components/schemas/Failure"}, body)

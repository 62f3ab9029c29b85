"""Requests of a consumer of notifications, and what producers answer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.rest import HttpResponse
from mnstream.adapters.rest.provider_messages import (
    StoredList,
    delete_subscription,
    failure_of,
    get_notifications,
    get_window,
    put_heartbeat,
    put_subscription,
    read_delete,
    read_list,
    read_put,
)
from mnstream.core.errors import (
    LimitExceeded,
    MalformedRequest,
    NotPermitted,
    ObjectExists,
    OperationError,
    RemoteProtocolError,
    Unavailable,
    UnknownObject,
)
from mnstream.core.notification_values import (
    UNTOLD,
    Epoch,
    HeartbeatControl,
    Number,
    Received,
    Scope,
    ScopeType,
    StoredRange,
    SubscriptionId,
    SubscriptionSettings,
)

BASE = "/3GPPManagement/ProvMnS/ManagedElement=1"
OURS = SubscriptionId("s1")
ODD = SubscriptionId("a/b ä")
ADDRESS = "http://consumer.example/sink"
EPOCH = Epoch(1_700_000_000_000)


def notification(sequence_no: int, epoch: int | None = EPOCH, subscription: str = "s1") -> str:
    members: dict[str, object] = {
        "sequenceNo": sequence_no,
        "subscriptionId": subscription,
        "notificationType": "notifyNewAlarm",
        "eventTime": "1970-01-01T00:00:01Z",
    }
    if epoch is not None:
        members["epoch"] = epoch
    return json.dumps(members)


def answer(*notifications: str, status: int = 200, **attributes: object) -> HttpResponse:
    window = {"epoch": EPOCH, "oldestSequenceNo": 3, "newestSequenceNo": 9, **attributes}
    told = {name: value for name, value in window.items() if value is not None}
    inner = json.dumps(told)[:-1] + f', "notifications": [{",".join(notifications)}]}}'
    body = f'{{"id": "s1", "objectClass": "NotificationList", "attributes": {inner}}}'
    return HttpResponse(status=status, body=body.encode())


def read(
    response: HttpResponse, *, epoch: Epoch = EPOCH, first: int = 1, last: int = 9
) -> StoredList:
    return read_list(response, OURS, epoch, first=first, last=last)


def test_subscribing() -> None:
    settings = SubscriptionSettings(
        notification_recipient_address=ADDRESS,
        notification_types=frozenset({"notifyNewAlarm", "notifyClearedAlarm"}),
        scope=Scope(scope_type=ScopeType.BASE_NTH_LEVEL, scope_level=0),
        notification_filter="a = 'b'",
        locked=True,
    )
    request = put_subscription(BASE, ODD, settings)
    assert (request.method, request.target) == (
        "PUT",
        f"{BASE}/NtfSubscriptionControl=a%2Fb%20%C3%A4",
    )
    assert request.header("Content-Type") == "application/json"
    assert request.header("Content-Length") == str(len(request.body))
    assert json.loads(request.body) == {
        "id": "a/b ä",
        "objectClass": "NtfSubscriptionControl",
        "attributes": {
            "notificationRecipientAddress": ADDRESS,
            "notificationTypes": ["notifyClearedAlarm", "notifyNewAlarm"],
            "scope": {"scopeType": "BASE_NTH_LEVEL", "scopeLevel": 0},
            "notificationFilter": "a = 'b'",
            "administrativeState": "LOCKED",
        },
    }


def test_what_is_not_said_is_not_written() -> None:
    settings = SubscriptionSettings(notification_recipient_address=ADDRESS)
    attributes = json.loads(put_subscription(BASE, OURS, settings).body)["attributes"]
    assert attributes == {"notificationRecipientAddress": ADDRESS}
    settings = SubscriptionSettings(
        notification_recipient_address=ADDRESS,
        notification_types=frozenset(),
        scope=Scope(scope_type=ScopeType.BASE_ALL),
    )
    attributes = json.loads(put_subscription(BASE, OURS, settings).body)["attributes"]
    assert attributes["notificationTypes"] == []
    assert attributes["scope"] == {"scopeType": "BASE_ALL"}


def test_other_requests() -> None:
    control = HeartbeatControl(heartbeat_control_id="1", heartbeat_ntf_period_s=30)
    request = put_heartbeat(BASE, OURS, control)
    assert request.target == f"{BASE}/NtfSubscriptionControl=s1/HeartbeatControl=1"
    assert json.loads(request.body) == {
        "id": "1",
        "objectClass": "HeartbeatControl",
        "attributes": {"heartbeatNtfPeriod": 30},
    }
    request = delete_subscription("", OURS)
    assert (request.method, request.target) == ("DELETE", "/NtfSubscriptionControl=s1")
    window = (
        "attributes=oldestSequenceNo,newestSequenceNo,numberOfStoredNotifications"
        ",epoch,epochs,nextEpoch"
    )
    for epoch, query in ((EPOCH, f"{window}&epoch={EPOCH}"), (UNTOLD, window)):
        request = get_window(BASE, OURS, epoch)
        assert request.target == f"{BASE}/NotificationList=s1?{query}"
    span = "fromSequenceNo=3&toSequenceNo=7"
    for epoch, query in ((EPOCH, f"epoch={EPOCH}&{span}"), (UNTOLD, span)):
        request = get_notifications(BASE, OURS, epoch, 3, 7)
        assert (request.method, request.target) == ("GET", f"{BASE}/NotificationList=s1?{query}")


def test_stored_notifications() -> None:
    texts = [notification(number) for number in (3, 4, 5)]
    assert read(answer(*texts)) == StoredList(
        notifications=tuple(
            Received(
                number=Number(subscription_id=OURS, epoch=EPOCH, sequence_no=number),
                notification_type="notifyNewAlarm",
                event_time_ms=1_000,
                payload=text.encode(),
                content=0,
            )
            for number, text in zip((3, 4, 5), texts, strict=True)
        ),
        window=StoredRange(epoch=EPOCH, oldest_sequence_no=3, newest_sequence_no=9),
        epochs=(),
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(st.text(max_size=5), json_values, max_size=4), max_size=5),
    st.sampled_from([None, 0, 1, "\t"]),
    st.booleans(),
    json_values,
)
def test_payloads_are_the_bytes_of_the_answer(
    bodies: list[dict[str, object]], indent: int | str | None, ascii_only: bool, other: object
) -> None:
    """Whatever is around and inside of them: escapes, spaces, members of the same name."""
    texts: list[str] = []
    for number, body in enumerate(bodies, start=1):
        members = {**json.loads(notification(number)), "body": body, "notifications": [other]}
        texts.append(json.dumps(members, indent=indent, ensure_ascii=ascii_only))
    attributes = {
        "other": {"attributes": {"notifications": [other]}},
        "notificationsMax": 5,
        "epoch": EPOCH,
        "oldestSequenceNo": 1,
        "newestSequenceNo": 5,
    }
    before = {"a": other, "notifications": [other], "more attributes": {"notifications": [other]}}
    head = json.dumps(before, ensure_ascii=ascii_only)[:-1]
    inner = json.dumps(attributes, indent=indent)[:-1]
    listed = " ,\n".join(texts)
    whole = f'{head}, "attributes"\t:\n{inner} , "notifications" : [ {listed} ], "z":1 }} }}\n'
    for mark in ("", "\ufeff"):
        stored = read(HttpResponse(status=200, body=(mark + whole).encode()))
        assert [each.payload for each in stored.notifications] == [text.encode() for text in texts]


def test_numbers_are_not_rewritten() -> None:
    text = notification(4)[:-1] + ', "a":1.00, "b":1E2 , "c":"\\u00e4\\/" }'
    [received] = read(answer(text)).notifications
    assert received.payload == text.encode()


def test_what_was_not_asked_for_is_left_out() -> None:
    """A producer that does not know our query answers with everything."""
    texts = [notification(number) for number in (9, 2, 5, 4, 3, 4)]
    stored = read(answer(*texts), first=3, last=5)
    assert [each.number.sequence_no for each in stored.notifications] == [3, 4, 5]
    assert not read(answer(*texts), first=1, last=0).notifications
    texts = [notification(3, epoch) for epoch in (EPOCH - 1, EPOCH + 1)]
    assert not read(answer(*texts)).notifications
    heartbeat = '{"notificationType":"notifyHeartbeat","subscriptionId":"s1"}'
    assert not read(answer(heartbeat)).notifications


def test_a_producer_that_does_not_tell() -> None:
    untold = notification(3, None, "")
    stored = read(answer(untold, epoch=None), epoch=UNTOLD)
    assert stored.window.epoch == UNTOLD
    assert [each.number for each in stored.notifications] == [
        Number(subscription_id=OURS, epoch=UNTOLD, sequence_no=3)
    ]


def test_a_notification_that_names_no_epoch_is_of_the_epoch_of_its_list() -> None:
    (read_one,) = read(answer(notification(3, None, ""))).notifications
    assert read_one.number == Number(subscription_id=OURS, epoch=EPOCH, sequence_no=3)
    assert read(answer(notification(3)), epoch=UNTOLD).notifications[0].number.epoch == EPOCH


def test_epochs() -> None:
    stored = read(answer(epochs=[5, 7], nextEpoch=EPOCH + 1))
    assert stored.epochs == (5, 7)
    assert stored.window.next_epoch == EPOCH + 1
    for nothing in (0, None):
        assert read(answer(nextEpoch=nothing)).window.next_epoch is None


@pytest.mark.parametrize("newest", [None, 0])
def test_a_producer_that_has_stored_nothing_yet_has_no_oldest_number(newest: int | None) -> None:
    empty = read(answer(oldestSequenceNo=None, newestSequenceNo=newest))
    assert empty.notifications == ()
    assert empty.window == StoredRange(epoch=EPOCH, oldest_sequence_no=0, newest_sequence_no=0)


def test_what_is_gone_is_told_with_the_range() -> None:
    response = HttpResponse(
        status=410,
        body=json.dumps(
            {
                "error": {"errorInfo": "gone"},
                "attributes": {"epoch": EPOCH, "oldestSequenceNo": 0, "newestSequenceNo": 9},
            }
        ).encode(),
    )
    assert read(response) == StoredList(
        notifications=(),
        window=StoredRange(epoch=EPOCH, oldest_sequence_no=0, newest_sequence_no=9),
        epochs=(),
    )
    with pytest.raises(UnknownObject, match="HTTP 410: gone"):
        read(HttpResponse(status=410, body=b'{"error":{"errorInfo":"gone"}}'))


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse(status=204),
        HttpResponse(status=200),
        HttpResponse(status=200, body=b"<html>"),
        HttpResponse(status=200, body=b"[]"),
        HttpResponse(status=200, body=b"{}"),
        HttpResponse(status=200, body=b'{"attributes":[]}'),
        HttpResponse(status=200, body=b'{"attributes":' * 50),
        HttpResponse(status=200, body=b"[" * 1_000_000),
        answer(oldestSequenceNo=None),
        answer(newestSequenceNo=None),
        answer(notification(3), oldestSequenceNo=None, newestSequenceNo=None),
        answer(oldestSequenceNo=None, newestSequenceNo=None, numberOfStoredNotifications=1),
        answer(newestSequenceNo="9"),
        answer(newestSequenceNo=True),
        answer(newestSequenceNo=-1),
        answer(newestSequenceNo=2**64),
        answer(epoch="x"),
        answer(nextEpoch=-1),
        answer(epochs=5),
        answer(epochs=[None]),
        answer(epochs=["5"]),
        answer("1"),
        answer("{}"),
        answer(notification(3).replace("sequenceNo", "x")),
        answer(notification(3, subscription="s2")),
        HttpResponse(status=200, body=answer().body.replace(b"[]", b"{}")),
        HttpResponse(status=200, body=answer().body.replace(b"[]", b"[] , }")),
    ],
)
def test_lists_that_are_none(response: HttpResponse) -> None:
    with pytest.raises(RemoteProtocolError, match="cannot be understood") as caught:
        read(response)
    assert not isinstance(caught.value, OperationError)


def test_what_may_be_posted_may_be_fetched() -> None:
    """An envelope makes nothing too deep."""
    deep = "[" * 31 + "]" * 31
    text = notification(3)[:-1] + f', "x": {deep}}}'
    assert read(answer(text)).notifications[0].payload == text.encode()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, OperationError),
        (400, MalformedRequest),
        (401, NotPermitted),
        (403, NotPermitted),
        (404, UnknownObject),
        (405, MalformedRequest),
        (408, Unavailable),
        (409, ObjectExists),
        (413, LimitExceeded),
        (418, OperationError),
        (425, Unavailable),
        (429, Unavailable),
        (500, Unavailable),
        (501, OperationError),
        (503, Unavailable),
    ],
)
def test_failures(status: int, kind: type[OperationError]) -> None:
    response = HttpResponse(status=status, body=b'{"error":{"errorInfo":"because"}}')
    failure = failure_of(response)
    assert type(failure) is kind
    assert f"HTTP {status}: because" in str(failure)
    assert failure.temporary == (kind is Unavailable)
    with pytest.raises(kind):
        read(response)
    with pytest.raises(kind):
        read_put(response)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "HTTP 400"),
        (b"oops", "HTTP 400"),
        (b"[]", "HTTP 400"),
        (b'{"error":5}', "HTTP 400"),
        (b'{"title":"Bad","type":"x"}', "HTTP 400: Bad"),
        (b'{"reason":"Bad"}', "HTTP 400: Bad"),
        (b'{"error":{"errorInfo":"%s"}}' % (b"x" * 1_000), f"HTTP 400: {'x' * 500}"),
    ],
)
def test_what_is_said_about_failures(body: bytes, text: str) -> None:
    assert str(failure_of(HttpResponse(status=400, body=body))) == f"malformedRequest: {text}"


def test_answers_without_a_body() -> None:
    assert read_put(HttpResponse(status=201))
    assert not read_put(HttpResponse(status=200))
    assert not read_put(HttpResponse(status=204))
    for status in (200, 204, 404, 410):
        read_delete(HttpResponse(status=status))
    with pytest.raises(ObjectExists):
        read_delete(HttpResponse(status=409))
    assert "redirects" in str(failure_of(HttpResponse(status=302)))


@given(
    st.integers(100, 599), st.binary(max_size=60) | st.text('{}[]",:atribues0ochN ').map(str.encode)
)
def test_any_answer_is_a_list_or_a_failure(status: int, body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read(HttpResponse(status=status, body=body))

"""Bodies of PUT and POST, and objects after a patch (TS 32.158 5.1, 5.3)."""

from __future__ import annotations

from mnstream.adapters.rest.json_text import Unreadable, read_json
from mnstream.adapters.rest.limits import RestLimits
from mnstream.adapters.rest.messages import HttpRequest
from mnstream.adapters.rest.notification_json import distinguished_name
from mnstream.adapters.rest.provisioning.problems import Refusal
from mnstream.adapters.rest.provisioning.targets import SUBSCRIPTION_CLASS
from mnstream.core.notification_values import ObjectPath
from mnstream.core.values import Json

_MEMBERS = frozenset({"id", "objectClass", "objectInstance", "attributes"})


def read_body(request: HttpRequest, limits: RestLimits) -> Json:
    """Read a body that is JSON.

    Raises:
        Refusal: 400.
    """
    if not request.body:
        raise Refusal(400, "the body is empty")
    try:
        return read_json(request.body, limits)
    except Unreadable as problem:
        raise Refusal(400, str(problem)) from problem


def read_object(
    value: Json, *, class_name: str, identifier: str | None, path: ObjectPath | None
) -> dict[str, Json]:
    """Check that an object is the one that is meant, and return its attributes.

    Args:
        value: The object.
        class_name: Its class.
        identifier: Its identifier; None when the producer is to choose one.
        path: Its path; None when it has none yet.

    Raises:
        Refusal: 400; also for objects below it, which are not created together with it.
    """
    if not isinstance(value, dict):
        raise Refusal(400, f"not an object of the class {class_name}")
    unknown = sorted(value.keys() - _MEMBERS)
    if unknown:
        name = unknown[0][:100]
        detail = f"{name} is no member of an object; objects below it have requests of their own"
        raise Refusal(400, detail, bad_attributes=(name,))
    expected = {
        "id": identifier,
        "objectClass": class_name,
        "objectInstance": None if path is None else distinguished_name(path),
    }
    for name, text in expected.items():
        given = value.get(name)
        # null is what TS 32.158 5.1.1 has for an identifier that the producer is to choose.
        if given is not None and given != text:
            detail = f"{name} is not that of the object that is meant"
            if text is None:
                detail = f"POST lets the producer choose {name}; PUT names the object in its path"
            raise Refusal(400, detail, bad_attributes=(name,))
    attributes = value.get("attributes")
    if attributes is None:
        return {}
    if not isinstance(attributes, dict):
        raise Refusal(400, "attributes is not an object", bad_attributes=("attributes",))
    return attributes


def read_new_subscription(value: Json) -> dict[str, Json]:
    """Return the attributes of the one NtfSubscriptionControl in the body of a POST.

    It is either the object itself, which then names its class, or in a member of that name.

    Raises:
        Refusal: 400.
    """
    if isinstance(value, dict) and value.keys() == {SUBSCRIPTION_CLASS}:
        value = value[SUBSCRIPTION_CLASS]
        if isinstance(value, list):
            if len(value) != 1:
                raise Refusal(400, f"one {SUBSCRIPTION_CLASS} is created at a time")
            value = value[0]
    elif not isinstance(value, dict) or value.get("objectClass") != SUBSCRIPTION_CLASS:
        raise Refusal(400, f"{SUBSCRIPTION_CLASS} is what can be created here")
    return read_object(value, class_name=SUBSCRIPTION_CLASS, identifier=None, path=None)

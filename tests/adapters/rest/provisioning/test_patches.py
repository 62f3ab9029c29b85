"""Patches, by the examples of their RFCs, and every way to patch badly."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.rest.provisioning import ProvisioningLimits, Refusal
from mnstream.adapters.rest.provisioning.patches import is_same, json_patch, merge_patch
from mnstream.core.values import Json
from tests.strategies import json_values

LIMITS = ProvisioningLimits()


@pytest.mark.parametrize(
    ("document", "patch", "merged"),
    [
        # RFC 7396, Appendix A.
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(document: Json, patch: Json, merged: Json) -> None:
    before = deepcopy(document)
    assert merge_patch(document, patch) == merged
    assert document == before


def patched(document: Json, *operations: Json, limits: ProvisioningLimits = LIMITS) -> Json:
    return json_patch(document, list(operations), limits=limits, read_path=str)


@pytest.mark.parametrize(
    ("document", "operation", "result"),
    [
        # RFC 6902, Appendix A.
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": 1}, {"baz": 1, "foo": "bar"}),
        ({"foo": [1, 2]}, {"op": "add", "path": "/foo/1", "value": 9}, {"foo": [1, 9, 2]}),
        ({"foo": [1]}, {"op": "add", "path": "/foo/-", "value": [2]}, {"foo": [1, [2]]}),
        ({"foo": [1]}, {"op": "add", "path": "/foo/1", "value": 2}, {"foo": [1, 2]}),
        ({"baz": 1, "foo": 2}, {"op": "remove", "path": "/baz"}, {"foo": 2}),
        ({"foo": [1, 2, 3]}, {"op": "remove", "path": "/foo/1"}, {"foo": [1, 3]}),
        ({"baz": 1}, {"op": "replace", "path": "/baz", "value": 2, "x": 0}, {"baz": 2}),
        ({"foo": [1, 2]}, {"op": "replace", "path": "/foo/0", "value": 3}, {"foo": [3, 2]}),
        ({"a": {"x": 1}, "b": {}}, {"op": "move", "from": "/a/x", "path": "/b/y"},
         {"a": {}, "b": {"y": 1}}),
        ({"a": [1, 2, 3]}, {"op": "move", "from": "/a/0", "path": "/a/2"}, {"a": [2, 3, 1]}),
        ({"a": 1}, {"op": "move", "from": "/a", "path": "/a"}, {"a": 1}),
        ({"a": [1]}, {"op": "copy", "from": "/a", "path": "/b"}, {"a": [1], "b": [1]}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 1.0}, {"a": 1}),
        ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": 10}, {"/": 9, "~1": 10}),
        ({"/": 9}, {"op": "remove", "path": "/~1"}, {}),
        ({"": 1}, {"op": "replace", "path": "/", "value": 2}, {"": 2}),
        ({"a": 1}, {"op": "replace", "path": "", "value": [3]}, [3]),
        ({"a": 1}, {"op": "remove", "path": ""}, None),
    ],
)  # fmt: skip
def test_json_patch(document: Json, operation: Json, result: Json) -> None:
    before = deepcopy(document)
    assert patched(document, operation) == result
    assert document == before


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        (5, 400),
        ({}, 400),
        ({"op": "spam", "path": ""}, 400),
        ({"op": ["add"], "path": ""}, 400),
        ({"op": "add", "path": "/b"}, 400),
        ({"op": "move", "path": "/b"}, 400),
        ({"op": "add", "path": 5, "value": 1}, 400),
        ({"op": "add", "path": "b", "value": 1}, 400),
        ({"op": "add", "path": "/~2", "value": 1}, 400),
        ({"op": "add", "path": "/x/y", "value": 1}, 400),
        ({"op": "add", "path": "/n/y", "value": 1}, 400),
        ({"op": "add", "path": "/a/3", "value": 1}, 400),
        ({"op": "add", "path": "/a/01", "value": 1}, 400),
        ({"op": "add", "path": "/a/-1", "value": 1}, 400),
        ({"op": "add", "path": "/a/\u0661", "value": 1}, 400),
        ({"op": "replace", "path": "/x", "value": 1}, 400),
        ({"op": "replace", "path": "/a/2", "value": 1}, 400),
        ({"op": "replace", "path": "/a/-", "value": 1}, 400),
        ({"op": "remove", "path": "/x"}, 400),
        ({"op": "remove", "path": "/a/-"}, 400),
        ({"op": "copy", "path": "/x", "from": "/y"}, 400),
        ({"op": "move", "path": "/o/p/q", "from": "/o"}, 400),
        ({"op": "test", "path": "/n", "value": 2}, 409),
        ({"op": "test", "path": "/n", "value": True}, 409),
        ({"op": "test", "path": "/a", "value": [2, 1]}, 409),
        ({"op": "test", "path": "/o", "value": {"p": {}, "q": 1}}, 409),
        ({"op": "test", "path": "/x", "value": None}, 400),
    ],
)
def test_operations_that_fail(operation: Json, status: int) -> None:
    document: Json = {"a": [1, 2], "n": 1, "o": {"p": {}}}
    before = deepcopy(document)
    before_it: list[Json] = [
        {"op": "remove", "path": "/a/0"},
        {"op": "add", "path": "/a/0", "value": 1},
    ]
    with pytest.raises(Refusal) as caught:
        patched(document, *before_it, operation)
    assert (caught.value.status, caught.value.bad_op) == (status, "/2")
    assert document == before


def test_a_patch_is_an_array_of_limited_length() -> None:
    with pytest.raises(Refusal) as caught:
        json_patch({}, {}, limits=LIMITS, read_path=str)
    assert caught.value.status == 400
    with pytest.raises(Refusal) as caught:
        patched({}, *([None] * 257))
    assert caught.value.status == 413


def test_copies_of_copies_end_soon() -> None:
    doubling: list[Json] = [
        {"op": "copy", "from": "/a", "path": f"/a/{index}"} for index in range(200)
    ]
    with pytest.raises(Refusal, match="copies or moves too much"):
        patched({"a": {}}, *doubling)


def test_documents_do_not_become_deeper_and_deeper() -> None:
    operations: list[Json] = [
        {"op": "add", "path": "/a" * depth, "value": {}} for depth in range(1, 100)
    ]
    with pytest.raises(Refusal, match="deeper"):
        patched({}, *operations)


def test_a_copy_is_another_value() -> None:
    result = patched(
        {"a": {"x": 1}},
        {"op": "copy", "from": "/a", "path": "/b"},
        {"op": "replace", "path": "/b/x", "value": 2},
    )
    assert result == {"a": {"x": 1}, "b": {"x": 2}}


@given(document=json_values, patch=json_values)
def test_merging_agrees_with_the_pseudocode_of_the_rfc(document: Json, patch: Json) -> None:
    def model(target: Json, change: Json) -> Json:
        if isinstance(change, dict):
            if not isinstance(target, dict):
                target = {}
            for name, value in change.items():
                if value is None:
                    if name in target:
                        del target[name]
                else:
                    target[name] = model(target.get(name), value)
            return target
        return change

    expected = model(deepcopy(document), deepcopy(patch))
    assert is_same(merge_patch(document, patch), expected)


@given(document=json_values, patch=st.lists(json_values, max_size=3))
def test_anything_is_applied_or_refused(document: Json, patch: list[Json]) -> None:
    before = json.dumps(document)
    refusals: list[Refusal] = []
    try:
        json_patch(document, patch, limits=LIMITS, read_path=str)
    except Refusal as refusal:
        refusals.append(refusal)
    assert [each.status for each in refusals] in ([], [400])
    assert json.dumps(document) == before


@given(value=json_values, other=json_values)
def test_sameness(value: Json, other: Json) -> None:
    assert is_same(value, deepcopy(value))
    assert is_same(value, other) == is_same(other, value)
    if json.dumps(value) == json.dumps(other):
        assert is_same(value, other)

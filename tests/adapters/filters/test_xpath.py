from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mnstream.adapters.filters import XPathFilters, compile_filter
from mnstream.adapters.filters.cost import COST_MAX, DEPTH_MAX, SIZE_ORDINARY, cost_of
from mnstream.adapters.filters.tokens import CHARS_MAX, NOT_XML, TOKENS_MAX, tokens_of
from mnstream.adapters.filters.tree import SIZE_MAX, Tree, decimal_text, tree_of
from mnstream.core.errors import InvalidFilter
from mnstream.core.notification_values import Content, ObjectPath
from mnstream.core.values import Json
from tests.strategies import json_values, texts


def notification(body: Mapping[str, Json], kind: str = "notifyNewAlarm") -> Content:
    return Content(
        notification_type=kind,
        object_path=ObjectPath("SubNetwork=1/ManagedElement=a%2Cb"),
        notification_id=42,
        event_time_ms=1_700_000_000_000,
        body=body,
    )


ALARM = notification(
    {
        "alarmId": "7",
        "perceivedSeverity": "CRITICAL",
        "probableCause": 14,
        "share": 2.50,
        "huge": 1e22,
        "rootCauseIndicator": True,
        "additionalText": " no  power ",
        "nothing": None,
        "list": [1, 5, "x", 9],
        "nested": [[1, 2], [3]],
        "set": {"a": {"n": 1}, "b": [{"n": 2}, {"n": 3, "m": "x"}], "9 lives:": "cat"},
    }
)


@pytest.mark.parametrize(
    "condition",
    [
        "/notification[notificationType='notifyNewAlarm' and perceivedSeverity='CRITICAL']",
        "notificationType='notifyNewAlarm'",
        "notificationId = 42 and eventTime = '2023-11-14T22:13:20.000Z'",
        "href='SubNetwork=1/ManagedElement=a%2Cb' and objectClass='ManagedElement'",
        r"objectInstance='SubNetwork=1,ManagedElement=a\,b'",
        # numbers and booleans are compared as what they are, texts as texts
        "probableCause = 14 and probableCause = 14.0 and not(probableCause = '14.0')",
        "share = 2.5 and string(share) = '2.5' and huge = 10000000000000000000000",
        "rootCauseIndicator = true() and missing = false()",
        "perceivedSeverity < 5 = false()",
        # true of any node of a set
        "list = 5 and list != 5 and list > 8 and list < 2 and not(list > 9) and list = 'x'",
        "not(missing = 'x') and not(missing != 'x') and not(missing)",
        "list = set/a/n and not(list = set/b/m/..)",
        # null is empty
        "nothing = '' and nothing",
        # objects are elements, arrays repeat them, arrays in arrays have items
        "set/b[2]/n = 3 and count(set/b) = 2 and //m = 'x' and set/*[last()] = 'cat'",
        "count(nested) = 2 and nested[1]/item[2] = 2 and set/_9_lives_ = 'cat'",
        # axes and functions
        "list[. = 'x']/preceding-sibling::list[1] = 5 and count(//n/ancestor::set) = 1",
        "set/a/following::m = 'x' and not(set/a/@n) and list[2]/text() = 5",
        "normalize-space(additionalText) = 'no power' and contains(additionalText, 'power')",
        "count(set/a/following::n) = 2 and list[4]/preceding::*[1] = 'x'",
        "substring('12345', 1.5, 2.6) = '234' and substring('12345', 0 div 0) = ''",
        "translate('bar', 'abc', 'AB') = 'BAr' and string(1 div 0) = 'Infinity'",
        "5 mod -2 = 1 and -5 mod 2 = -1 and 1 mod 0 != 1 and - - 2 = 2 and 7 div 2 = 3.5",
        "round(-2.5) = -2 and floor(2.6) = 2 and ceiling(2.1) = 3 and sum(nested/item) = 6",
        "(//n)[2] = 2 and //n[1] = 3 and count(//n | set/b/n) = 3",
        "substring-before('a=b', '=') = 'a' and substring-after('a=b', '') = 'a=b'",
        "name(list) = 'list' and local-name(missing) = '' and string-length() > 20",
        "/ and /.. = false() and /notification/self::notification and position() = last()",
    ],
)
def test_conditions_that_are_met(condition: str) -> None:
    assert compile_filter(condition)(ALARM)
    assert not compile_filter(f"not({condition})")(ALARM)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("a b", "not XPath 1.0 at column 3"),
        ("a =", "not XPath 1.0 at column 4"),
        ("a[1", "] is missing"),
        ("a) or (b", "unexpected ')'"),
        ("(a]", "unexpected ']'"),
        ("'a", "not XPath 1.0 at column 1"),
        ("ns:a", "not XPath 1.0 at column 3"),
        ("a = 1e5", "unexpected 'e5' at column 6"),
        ("a = '\x01'", "XML has no character"),
        ("document('x')", "no function document()"),
        ("id('x')", "no function id()"),
        ("a[lang('x')]", "no function lang()"),
        ("up::a", "not XPath 1.0"),
        ("$x", "Jex"),
        ('a == "b"', "Jex"),
        ('{"a": "b"}', "Jex"),
        ("a && b", "Jex"),
        ("count('a')", "Invalid type"),
        ("contains('a')", "contains() does not take 1 arguments"),
        ("a and true(1)", "true() does not take 1 arguments"),
        ("a[substring('a')]", "substring() does not take 1 arguments"),
        ("'a' | b", "Invalid type"),
        ("'a'[1]", "Invalid type"),
        ("(" * (DEPTH_MAX + 1) + "a" + ")" * (DEPTH_MAX + 1), "brackets inside each other"),
        ("/".join("a" * (TOKENS_MAX // 2 + 1)), f"more than {TOKENS_MAX}"),
        ("a" * (CHARS_MAX + 1), f"longer than {CHARS_MAX}"),
        ("//a[//b[//c[d]]]", "costs too much"),
        ("//a[following::b/preceding::c]", "costs too much"),
        ("//a[contains(b, c)]", "costs too much"),
        ("contains(concat(a, a, a, a), concat(b, b, b, b))", "costs too much"),
    ],
)
def test_what_is_no_filter_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidFilter) as refused:
        compile_filter(text)
    assert reason in str(refused.value)


def test_signs_of_jex_in_strings_are_strings() -> None:
    assert not compile_filter("alarmId = '$ && == {'")(ALARM)


def test_a_long_chain_of_conditions_needs_no_deep_stack() -> None:
    condition = " or ".join(["a=1"] * (TOKENS_MAX // 4 - 1))
    assert not compile_filter(condition)(ALARM)


def test_a_notification_that_is_too_big_matches() -> None:
    fits: list[Json] = [None] * (SIZE_MAX - 10)
    too_many: list[Json] = [None] * (SIZE_MAX - 5)
    never = compile_filter("missing")
    assert not never(notification({"list": fits}))
    assert never(notification({"list": too_many}))
    assert never(notification({"text": "x" * 32 * SIZE_MAX}))


def test_a_notification_that_nests_too_deeply_matches() -> None:
    deep: Json = 1
    for _ in range(70):
        deep = {"a": deep}
    assert compile_filter("missing")(notification({"deep": deep}))


def test_a_filter_that_fails_on_a_notification_matches() -> None:
    filtered = compile_filter("probableCause and count('x')")
    assert not filtered(notification({}))
    assert filtered(ALARM)


DEAR = [
    "//*[//*[. = 'x']]",
    "//*[count(preceding::*) < 0]",
    "list[count(following-sibling::list) < 0]",
    "//*[contains(/, 'y')]",
    "//*[concat(/, /, /) = 'y']",
    "//*[sum(//*) = 3]",
    "count(//*[count(//*) > 100000]) = 1",
    "//*/following::*/preceding::*",
    "//*//*//*//* = 'y'",
    "//*[. = //*]",
    "list != list or list < list",
    "sum(list[position() mod 2 = 0] | list[position() mod 2 = 1]) = 3",
    "contains(list, list)",
    f"contains(concat({', '.join('.' * 20)}), 'xxxxxxy')",
    f"concat({', '.join('.' * 150)}) = 'y'",
    f"translate(/, '{'z' * 3000}', '') = 'y'",
    f"*{'[*]' * 100}",
    " or ".join(["//* = 'y'"] * 90),
]


def is_dear(text: str, size: int) -> bool:
    return cost_of(tokens_of(text)).of(size) > COST_MAX


@pytest.mark.parametrize("text", DEAR, ids=lambda text: text[:40])
def test_a_filter_that_would_cost_too_much_matches_at_once(text: str) -> None:
    huge = notification({"list": [str(number) * 20 for number in range(SIZE_MAX // 6)]})
    compile_filter("a")(huge)  # builds the tree
    filtered = compile_filter(f"({text}) and missing")
    before = time.process_time()
    filtered(huge)
    assert time.process_time() - before < 0.25


@pytest.mark.parametrize("text", DEAR, ids=lambda text: text[:40])
@pytest.mark.parametrize("word", ["x", "x" * 63, "1" * 30])
def test_the_biggest_notification_that_a_filter_decides_about_takes_a_moment(
    text: str, word: str
) -> None:
    filtered = compile_filter(text)
    size = SIZE_ORDINARY
    while size < SIZE_MAX and not is_dear(text, size * 5 // 4):
        size = size * 5 // 4
    words: list[Json] = [word] * ((size - 10) // (1 + len(word) // 32) // 2)
    big = notification({"list": [*words, *({"list": word} for word in words[: len(words) // 2])]})
    before = time.process_time()
    filtered(big)
    assert time.process_time() - before < 0.5  # measured: 0.15 s at most


def test_every_filter_decides_about_an_ordinary_notification() -> None:
    size = tree_of(ALARM).size
    assert size < SIZE_ORDINARY
    assert not any(compile_filter(f"({text}) and missing")(ALARM) for text in DEAR)


def test_a_plain_filter_decides_about_the_biggest_notification() -> None:
    text = "/notification[notificationType='notifyNewAlarm' and set/a/n = 3] or //m = 'x'"
    assert not is_dear(text, SIZE_MAX)


def test_filters_share_the_tree_of_a_notification(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Content] = []

    def counted(content: Content) -> Tree:
        built.append(content)
        return tree_of(content)

    monkeypatch.setattr("mnstream.adapters.filters.xpath.tree_of", counted)
    filters = XPathFilters()
    first, second = filters("alarmId = 7"), filters("alarmId = 8")
    other = notification({"alarmId": "8"})
    assert (first(ALARM), second(ALARM), first(other), second(other)) == (True, False, False, True)
    assert built == [ALARM, other]


words = st.sampled_from(
    [
        *("a", "b", "n", "list", "notification", "*", "/", "//", ".", "..", "@", "::", "|", "-"),
        *("[", "]", "(", ")", ",", "=", "!=", "<", ">=", "+", " and ", " or ", " div ", " mod "),
        *("1", "2.5", "'x'", "''", "count(", "not(", "contains(", "position()", "last()", "sum("),
        *("text()", "node()", "ancestor::", "following::", "substring(", "string(", "translate("),
    ]
)
conditions = texts | st.lists(words, max_size=14).map("".join)
bodies = st.dictionaries(st.sampled_from(["a", "b", "n", "list"]) | texts, json_values, max_size=5)


@settings(max_examples=400)
@given(text=conditions, body=bodies)
@example(text="-" * 400 + "1", body={})
@example(text="sum(a) = 1", body={"a": [1e308, 1e308, -1e308]})
def test_any_text_is_a_filter_or_refused(text: str, body: dict[str, Json]) -> None:
    try:
        filtered = compile_filter(text)
    except InvalidFilter:
        return
    assert filtered(notification(body)) in {True, False}


@given(number=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53))
def test_numbers_are_found_by_their_value(number: float) -> None:
    content = notification({"n": number})
    written = decimal_text(number) if isinstance(number, float) else str(number)
    assert compile_filter(f"n = {written} and n = {written}{'' if '.' in written else '.0'}")(
        content
    )
    assert compile_filter("n + 0 = n and n <= n and not(n < n)")(content)


@given(text=texts)
def test_texts_are_found_by_their_value(text: str) -> None:
    if "'" in text or NOT_XML.search(text):
        return
    assert compile_filter(f"a = '{text}'")(notification({"a": text}))


@given(name=texts)
def test_every_member_has_an_element(name: str) -> None:
    assert len(tree_of(notification({name: 1})).root) == 7


@given(text=texts)
def test_texts_of_strange_characters_are_looked_into(text: str) -> None:
    content = notification({"a": f"{text}\0\ud800"})
    assert compile_filter(f"string-length(a) = {len(text) + 2} and a != 'x'")(content)

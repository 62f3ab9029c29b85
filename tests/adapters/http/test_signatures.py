"""Signatures of the Standard Webhooks specification."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.http import Signature, read_secret

# The example of the specification's libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = b'{"test": 2432232314}'
NOW_S = 1614265330
EXPECTED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

OTHER = bytes(range(32))

latin_1 = st.characters(max_codepoint=255)
names = st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "Webhook-Id"])

SIGNATURE = Signature(read_secret(SECRET))


def test_the_example_of_the_specification() -> None:
    headers = SIGNATURE.headers(MESSAGE_ID, BODY, now_s=NOW_S)
    assert headers == (
        ("webhook-id", MESSAGE_ID),
        ("webhook-timestamp", str(NOW_S)),
        ("webhook-signature", EXPECTED),
    )
    assert SIGNATURE.verify(headers, BODY, now_s=NOW_S)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "msg_other"),
        ("webhook-id", ""),
        ("webhook-timestamp", str(NOW_S + 1)),
        ("webhook-timestamp", ""),
        ("webhook-timestamp", "-1"),
        ("webhook-timestamp", "9" * 5_000),
        ("webhook-timestamp", f"{NOW_S}.0"),
        ("webhook-signature", ""),
        ("webhook-signature", EXPECTED.removeprefix("v1,")),
        ("webhook-signature", EXPECTED.replace("v1,", "v1a,")),
        ("webhook-signature", EXPECTED[:-1]),
        ("webhook-signature", EXPECTED + "\xe4"),
        ("webhook-signature", EXPECTED.lower()),
        ("webhook-signature", "v1,x " * 16 + EXPECTED),
    ],
)
def test_what_is_not_signed(name: str, value: str) -> None:
    headers = dict(SIGNATURE.headers(MESSAGE_ID, BODY, now_s=NOW_S))
    assert not SIGNATURE.verify(tuple({**headers, name: value}.items()), BODY, now_s=NOW_S)
    del headers[name]
    assert not SIGNATURE.verify(tuple(headers.items()), BODY, now_s=NOW_S)


def test_another_body_another_secret() -> None:
    headers = SIGNATURE.headers(MESSAGE_ID, BODY, now_s=NOW_S)
    assert not SIGNATURE.verify(headers, BODY + b" ", now_s=NOW_S)
    assert not Signature(OTHER).verify(headers, BODY, now_s=NOW_S)


def test_old_and_early_messages() -> None:
    headers = SIGNATURE.headers(MESSAGE_ID, BODY, now_s=NOW_S)
    for apart, good in ((-301, False), (-300, True), (300, True), (301, False)):
        assert SIGNATURE.verify(headers, BODY, now_s=NOW_S + apart) == good
    assert not SIGNATURE.verify(headers, BODY, now_s=NOW_S + 2, tolerance_s=1)


def test_rotation() -> None:
    both = Signature(OTHER, read_secret(SECRET))
    headers = both.headers(MESSAGE_ID, BODY, now_s=NOW_S)
    assert headers[2][1].split(" ")[1] == EXPECTED
    assert SIGNATURE.verify(headers, BODY, now_s=NOW_S)
    assert Signature(OTHER).verify(headers, BODY, now_s=NOW_S)
    assert both.verify(SIGNATURE.headers(MESSAGE_ID, BODY, now_s=NOW_S), BODY, now_s=NOW_S)


def test_identifiers_that_no_header_has() -> None:
    headers = SIGNATURE.headers("a b\r\nX: \xe4%", BODY, now_s=NOW_S)
    assert headers[0] == ("webhook-id", "a%20b%0D%0AX:%20%C3%A4%25")
    assert SIGNATURE.verify(headers, BODY, now_s=NOW_S)


def test_names_of_headers_have_no_case() -> None:
    headers = SIGNATURE.headers(MESSAGE_ID, BODY, now_s=NOW_S)
    shouted = tuple((name.upper(), value) for name, value in headers)
    assert SIGNATURE.verify(shouted, BODY, now_s=NOW_S)


@pytest.mark.parametrize("size", [24, 64])
def test_secrets(size: int) -> None:
    text = base64.b64encode(bytes(size)).decode()
    assert read_secret(f"whsec_{text}\n") == read_secret(text) == bytes(size)


@pytest.mark.parametrize(
    "text",
    ["", "whsec_", "whsec_?" * 8, "whsec_QUJD", "whsec_" + base64.b64encode(bytes(65)).decode()],
)
def test_what_is_no_secret(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a secret of signatures") as caught:
        read_secret(text)
    assert "QUJD" not in str(caught.value)


def test_signatures_need_a_secret() -> None:
    with pytest.raises(ValueError, match="need a secret"):
        Signature()
    with pytest.raises(ValueError, match="24 to 64 bytes"):
        Signature(bytes(23))
    assert "\\x" not in repr(SIGNATURE)


@given(st.lists(st.tuples(names, st.text(latin_1, max_size=60)), max_size=5))
def test_any_headers_are_looked_at(headers: list[tuple[str, str]]) -> None:
    assert not SIGNATURE.verify(tuple(headers), BODY, now_s=NOW_S)

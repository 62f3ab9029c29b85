"""What a line looks like, and what never stands in one."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from mnstream import RedactingFilter
from mnstream.adapters.observability import configure_logging, redact

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
_log = logging.getLogger("mnstream.adapters.http.server")


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def json_line(*args: object, **kwargs: Any) -> dict[str, Any]:
    stream = io.StringIO()
    configure_logging("json", "debug", stream=stream)
    _log.warning(*args, **kwargs)
    (line,) = stream.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def text(*args: object, **kwargs: Any) -> str:
    stream = io.StringIO()
    configure_logging("text", "debug", stream=stream)
    _log.warning(*args, **kwargs)
    return stream.getvalue()


def test_a_json_line() -> None:
    line = json_line("channel %d lost", 7, extra={"connection_id": "c1", "bytes": 5, "who": (1,)})
    assert list(line) == ["time", "level", "logger", "message", "connection_id", "bytes", "who"]
    time = line.pop("time")
    assert len(time) == len("2026-01-01T00:00:00.000Z")
    assert time.endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "mnstream.adapters.http.server",
        "message": "channel 7 lost",
        "connection_id": "c1",
        "bytes": 5,
        "who": "(1,)",
    }


def test_a_line_with_an_exception_is_still_one_line() -> None:
    try:
        raise ValueError("wss://user:hunter2@host/")
    except ValueError:
        line = json_line("failed", exc_info=True)
    assert line["exception"].startswith("Traceback")
    assert "ValueError: wss://user:***@host/" in line["exception"]


def test_extra_fields_do_not_replace_ours() -> None:
    assert json_line("x", extra={"level": "fake", "time": "never"})["level"] == "warning"


def test_a_text_line() -> None:
    line = text("channel %d lost", 7, extra={"connection_id": "c1"})
    time, rest = line.split(" ", 1)
    assert time.endswith("Z")
    assert rest == "WARNING http.server: channel 7 lost connection_id=c1\n"


def test_peers_cannot_write_lines_or_control_the_terminal() -> None:
    lines = text("name: %s", "a\n2026 ERROR forged\r\x1b[2Jb\x9b").splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("name: a\\n2026 ERROR forged\\r\\x1b[2Jb\\x9b")
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        assert "\x1b" not in text("failed", exc_info=True)


def test_the_level_is_obeyed() -> None:
    stream = io.StringIO()
    configure_logging("text", "warning", stream=stream)
    _log.info("no")
    configure_logging("text", logging.INFO, stream=stream)
    _log.info("yes")
    assert [line.rpartition(" ")[2] for line in stream.getvalue().splitlines()] == ["yes"]


def test_configuring_twice_replaces_and_leaves_the_handlers_of_others() -> None:
    other = logging.NullHandler()
    logging.getLogger().addHandler(other)
    first, second = io.StringIO(), io.StringIO()
    configure_logging(stream=first)
    configure_logging(stream=second)
    _log.warning("once")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1
    assert other in logging.getLogger().handlers


def test_standard_error_is_where_it_goes(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    _log.warning("hello")
    out, err = capsys.readouterr()
    assert out == ""
    assert "hello" in err


@pytest.mark.parametrize(
    ("options", "reason"), [({"format": "xml"}, "format 'xml'"), ({"level": "loud"}, "'loud'")]
)
def test_nonsense_is_refused_and_changes_nothing(options: dict[str, Any], reason: str) -> None:
    before = logging.getLogger().handlers[:]
    with pytest.raises(ValueError, match=reason):
        configure_logging(**options)
    assert logging.getLogger().handlers == before


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Authorization: Bearer abc.def-ghi", "Authorization: ***"),
        ("authorization: Basic dXNlcjpwdw==", "authorization: ***"),
        ("{'Authorization': 'Bearer abc'}", "{'Authorization': '***'}"),
        ("(b'authorization', b'Basic dXNlcg==')", "(b'authorization', b'***')"),
        ("Proxy-Authorization=abc, next", "Proxy-Authorization=***, next"),
        ("got bearer abc/def== from x", "got bearer *** from x"),
        (f"token is {JWT}!", "token is ***!"),
        ("https://user:pa:ss@host:80/p?x=a@b", "https://user:***@host:80/p?x=a@b"),
        ("https://user:p@ss@host/", "https://user:***@host/"),
        ("postgresql://:secret@db", "postgresql://:***@db"),
        ("http://host:80/path?access_token=abc&n=1", "http://host:80/path?access_token=***&n=1"),
        ('{"password": "hunter2", "user": "u"}', '{"password": "***", "user": "u"}'),
        ("client_secret=abc;x", "client_secret=***;x"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\n.", "***\n."),
        ("-----BEGIN PRIVATE KEY-----\nMII", "***"),
        ("signed with whsec_MfKQ9r8G+pq/wjUP==, then", "signed with whsec_***, then"),
        ("signing_secret=MfKQ9r8G", "signing_secret=***"),
        ("Cookie: session=dead; theme=beef\nHost: h", "Cookie: ***\nHost: h"),
        ('Cookie: a="b c"; session=dead', "Cookie: ***"),
        ('{"cookie": "a=dead; b", "x": 1}', '{"cookie": "***", "x": 1}'),
        ("{'set-cookie': 'a=dead; Path=/', 'x': 1}", "{'set-cookie': '***', 'x': 1}"),
        ("(b'cookie', b'a=dead; b=beef')", "(b'cookie', b'***')"),
        ("https://h/sink?access_key=AKIA&n=1&sig=zzz", "https://h/sink?access_key=***&n=1&sig=***"),
        ("?X-Amz-Signature=abc&n=1", "?X-Amz-Signature=***&n=1"),
    ],
)
def test_secrets_are_taken_out(given: str, expected: str) -> None:
    assert redact(given) == expected


@pytest.mark.parametrize(
    "harmless",
    [
        "ws://127.0.0.1:8080/connections/abc",
        "http://[::1]:80/a@b",
        "SubNetwork=1,ManagedElement=2",
        "3 tokens left, the password was wrong",
        "authorization failed",
        "no cookie, no signature",
    ],
)
def test_what_is_no_secret_stays(harmless: str) -> None:
    assert redact(harmless) == harmless


def test_secrets_in_arguments_and_fields() -> None:
    line = json_line(
        "asked %s",
        {"authorization": "Bearer abc"},
        extra={"password": "hunter2", "url": "http://u:hunter2@h/", "headers": ["Bearer hunter2"]},
    )
    assert line["password"] == "***"
    assert line["url"] == "http://u:***@h/"
    assert "hunter2" not in json.dumps(line)
    assert "abc" not in line["message"]
    assert "hunter2" not in text("x", extra={"token": "hunter2"})


@pytest.mark.parametrize(
    "piece",
    [
        "://",
        "a:",
        "eyJ",
        "eyJaaaaa-",
        "bearer ",
        "password=",
        "authorization=",
        "cookie: ",
        "whsec_",
        "-----BEGIN ",
    ],
)
def test_long_texts_take_no_time(piece: str) -> None:
    # The time limit of the test is the assertion: this takes minutes when it is quadratic.
    redact(piece * 100_000)


def test_the_filter_serves_the_handlers_of_an_application() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter())
    logger = logging.getLogger("tests.observability")
    logger.addHandler(handler)
    try:
        try:
            raise ValueError(f"bearer {JWT}")
        except ValueError:
            logger.exception("at %s", "http://u:hunter2@h/", extra={"token": "x"})
    finally:
        logger.removeHandler(handler)
    assert "http://u:***@h/" in stream.getvalue()
    assert JWT not in stream.getvalue()

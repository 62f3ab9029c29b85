"""What every command promises: exit codes, one line, configuration in three places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mnstream.adapters.cli.command import Address
from mnstream.adapters.cli.inspect import Time
from mnstream.adapters.runtime.places import is_loopback
from tests.adapters.cli.running import Run

COLLECT = ("collect", "--listen", "127.0.0.1:0", "--data", "data")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (("no-such-command",), "no-such-command"),
        (("collect",), "--listen"),
        (("collect", "--listen", "nowhere", "--data", "d"), "HOST:PORT"),
        (("collect", "--listen", "127.0.0.1:99999", "--data", "d"), "HOST:PORT"),
        (("collect", "--listen", "0.0.0.0:0", "--data", "d"), "--insecure"),
        ((*COLLECT, "--admin", "0.0.0.0:0"), "--admin"),
        ((*COLLECT, "--client-ca", "pyproject.toml"), "--client-ca"),
        ((*COLLECT, "--workers", "2"), "--workers"),
        ((*COLLECT, "--sink", "nonsense:x"), "--sink"),
        ((*COLLECT, "--profile", "rel5"), "--profile"),
        (("report", "--target", "ftp://x", "--producer-id", "P"), "http"),
        (("report", "--target", "http://192.0.2.1/", "--producer-id", "P"), "--insecure"),
        (("report", "--target", "http://127.0.0.1/", "--producer-id", "P", "--from", "no"), "no"),
        (("inspect", "data", "--since", "yesterday"), "ISO 8601"),
        (("lifecycle", "nothing"), "consumer-connection"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_one_line(
    run: Callable[..., Run], args: tuple[str, ...], names: str
) -> None:
    done = run(*args)
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert done.err.startswith("mnstream")
    assert names in done.err


def test_what_cannot_be_reached_is_exit_code_3(run: Callable[..., Run]) -> None:
    done = run("inspect", "no-such-directory")
    assert done.code == 3
    assert "no-such-directory" in done.err


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_sink_that_cannot_be_opened_is_exit_code_3(run: Callable[..., Run], backend: str) -> None:
    done = run(*COLLECT, "--sink", "jsonl:no/such/directory/file", "--backend", backend)
    assert (done.code, done.out, done.err.count("\n")) == (3, "", 1)
    assert "no/such/directory" in done.err


def test_without_a_command_the_help_is_shown_as_it_is(run: Callable[..., Run]) -> None:
    done = run()
    assert (done.code, done.out) == (2, "")
    assert "\n  collect " in done.err
    assert "\n  report " in done.err


def test_a_configuration_file_gives_options(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[lifecycle]\nformat = "json"\n')
    done = run("lifecycle", "stream", "--config", "c.toml")
    assert done.code == 0
    assert done.out.startswith("[")


def test_a_variable_comes_before_the_file(
    run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.toml").write_text('[lifecycle]\nformat = "json"\n')
    monkeypatch.setenv("MNSTREAM_LIFECYCLE_FORMAT", "mermaid")
    done = run("lifecycle", "stream", "--config", "c.toml")
    assert "stateDiagram-v2" in done.out


def test_the_command_line_comes_first(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNSTREAM_LIFECYCLE_FORMAT", "mermaid")
    done = run("lifecycle", "stream", "--format", "promela")
    assert "mtype" in done.out


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("[lifecycle]\nformaat = 'json'\n", "formaat"), ("no toml", "c.toml")],
)
def test_a_bad_configuration_is_named(
    run: Callable[..., Run], tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "c.toml").write_text(text)
    done = run("lifecycle", "--config", "c.toml")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert complaint in done.err


def test_help_says_where_options_come_from(run: Callable[..., Run]) -> None:
    done = run("collect", "--help")
    assert done.code == 0
    assert "MNSTREAM_COLLECT_OPTION" in done.out


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("localhost.example.com", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("h:65535", ("h", 65535))],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert Address().convert(text, None, None) == expected


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("0", 0),
        ("1.5", 1500),
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-02", 86_400_000),
    ],
)
def test_times(text: str, expected_ms: int) -> None:
    assert Time().convert(text, None, None) == expected_ms

"""Wrong usage is exit code 2 and one line that says what and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.processes import mnstream

pytestmark = pytest.mark.timeout(20)
REPORT = ("report", "--producer-id", "P", "--count", "1")
NOTIFY = ("notify", "--listen", "127.0.0.1:0", "--data", "DIR")
SUBSCRIBE = ("subscribe", "--listen", "127.0.0.1:0", "--data", "DIR")
PROVIDED = (*SUBSCRIBE, "--provider", "http://127.0.0.1:1/ManagedElement=1")


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("collect",), "--listen"),
        (("collect", "--listen", "127.0.0.1:0"), "--data"),
        (("collect", "--listen", "nonsense", "--data", "DIR"), "--listen"),
        (("collect", "--listen", "127.0.0.1:65536", "--data", "DIR"), "--listen"),
        (("collect", "--listen", "0.0.0.0:0", "--data", "DIR"), "--insecure"),
        (("collect", "--listen", "127.0.0.1:0", "--data", "DIR", "--durability", "x"), "fsync"),
        (("collect", "--listen", "127.0.0.1:0", "--data", "DIR", "--tls-cert", "no"), "no"),
        (("collect", "--nonsense"), "--nonsense"),
        (REPORT, "--target"),
        ((*REPORT, "--target", "ftp://localhost/"), "--target"),
        ((*REPORT, "--target", "http://192.0.2.1/"), "--insecure"),
        ((*REPORT, "--target", "http://localhost/", "--streams", "0"), "--streams"),
        (("notify",), "--listen"),
        (("notify", "--listen", "127.0.0.1:0"), "--data"),
        (("notify", "--listen", "0.0.0.0:0", "--data", "DIR"), "--insecure"),
        ((*NOTIFY, "--admin", "0.0.0.0:0"), "--admin"),
        ((*NOTIFY, "--profile", "x"), "rel20"),
        ((*NOTIFY, "--allow-recipients", "example.com"), "--allow-recipients"),
        ((*NOTIFY, "--base-object", "x"), "--base-object"),
        ((*NOTIFY, "--base-url", "x"), "--base-url"),
        ((*NOTIFY, "--uri-root", "x"), "--uri-root"),
        ((*NOTIFY, "--emit-from", "nothing"), "nothing"),
        ((*NOTIFY, "--emit-from", "."), "--emit-from"),
        ((*NOTIFY, "--emit-rate", "-1"), "--emit-rate"),
        ((*NOTIFY, "--watch", "."), "--watch"),
        ((*NOTIFY, "--signing-secret", __file__), "--signing-secret"),
        ((*NOTIFY, "--recipient-ca", __file__), "TLS"),
        ((*NOTIFY, "--tls-cert", __file__), "--tls-key"),
        ((*NOTIFY, "--config", __file__), "--config"),
        (SUBSCRIBE, "--provider"),
        ((*SUBSCRIBE, "--provider", "ftp://127.0.0.1/"), "--provider"),
        ((*SUBSCRIBE, "--provider", "http://user@127.0.0.1/"), "--provider"),
        ((*SUBSCRIBE, "--provider", "http://127.0.0.1/?a=b"), "--provider"),
        ((*SUBSCRIBE, "--provider", "http://192.0.2.1/"), "--insecure"),
        ((*PROVIDED, "--types", "a,,b"), "--types"),
        ((*PROVIDED, "--scope", "BASE"), "BASE_ALL"),
        ((*PROVIDED, "--scope", "BASE_SUBTREE"), "--scope"),
        ((*PROVIDED, "--scope", "BASE_ALL:1"), "--scope"),
        ((*PROVIDED, "--heartbeat", "-1"), "--heartbeat"),
        ((*PROVIDED, "--count", "0"), "--count"),
        ((*PROVIDED, "--address", "nowhere"), "--address"),
        ((*PROVIDED, "--signing-secret", __file__), "--signing-secret"),
        (("inspect",), "PATH"),
        (("nonsense",), "nonsense"),
    ],
    ids=" ".join,
)
def test_wrong_usage(args: tuple[str, ...], named: str, tmp_path: Path) -> None:
    done = mnstream(*(str(tmp_path / "data") if each == "DIR" else each for each in args))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert named in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_dead_port_is_exit_code_3_when_it_gives_up() -> None:
    done = mnstream(*REPORT, "--target", "http://127.0.0.1:1/", "--give-up", "1")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "http://127.0.0.1:1/" in done.stderr


def test_a_directory_that_cannot_be_made_is_exit_code_3(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    provided = ("--provider", "http://127.0.0.1:1/")
    for command in (("collect",), ("notify",), ("subscribe", *provided)):
        data = str(tmp_path / "file" / "in")
        done = mnstream(*command, "--listen", "127.0.0.1:0", "--data", data)
        assert done.returncode == 3
        assert done.stderr.count("\n") == 1
        assert data in done.stderr


def test_nothing_to_inspect_is_exit_code_3(tmp_path: Path) -> None:
    done = mnstream("inspect", str(tmp_path / "nothing"), "--json")
    assert done.returncode == 3
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)


def test_a_provider_that_is_not_there_is_exit_code_3(tmp_path: Path) -> None:
    done = mnstream(*(str(tmp_path / "data") if each == "DIR" else each for each in PROVIDED))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1)
    assert "http://127.0.0.1:1/ManagedElement=1" in done.stderr

"""Wrong usage is exit code 2 and one line that says what and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.processes import mnstream

pytestmark = pytest.mark.timeout(20)
REPORT = ("report", "--producer-id", "P", "--count", "1")


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
    done = mnstream("collect", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "file" / "in"))
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1


def test_nothing_to_inspect_is_exit_code_3(tmp_path: Path) -> None:
    done = mnstream("inspect", str(tmp_path / "nothing"), "--json")
    assert done.returncode == 3
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)

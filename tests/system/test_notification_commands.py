"""``notify`` and ``subscribe`` as an operator meets them: each a process, against each other."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.system.processes import TIMEOUT_S, mnstream, popen

pytestmark = pytest.mark.timeout(60)
LOOPBACK = ("--listen", "127.0.0.1:0")


class Process:
    """A command that runs, and what it said when it was ready."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=TIMEOUT_S)[1]
        self.ready: dict[str, Any] = json.loads(line)
        assert self.ready["pid"] == process.pid
        self.url = str(self.ready["url"])
        self.admin = str(self.ready["admin"])

    def line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        read: dict[str, Any] = json.loads(self.process.stdout.readline())
        return read

    def lines(self, count: int) -> list[dict[str, Any]]:
        return [self.line() for _ in range(count)]

    def end(self, number: signal.Signals) -> tuple[int, str, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, out, err


@contextmanager
def running(*args: str) -> Generator[Process]:
    with popen(*args) as process:
        try:
            yield Process(process)
        finally:
            process.kill()


def notify(data: Path, *options: str) -> Any:
    return running("notify", *LOOPBACK, "--data", str(data), *options)


def subscribing(provider: str, data: Path, *options: str) -> tuple[str, ...]:
    return ("subscribe", *LOOPBACK, "--provider", provider, "--data", str(data), *options)


def events(path: Path, count: int) -> Path:
    lines = [
        json.dumps({"notificationType": "notifyEvent", "href": "NRCellDU=1", "specificProblem": n})
        for n in range(count)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def problems(notifications: Sequence[dict[str, Any]]) -> list[int]:
    return [each["specificProblem"] for each in notifications]


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310  # our own
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


EVENTS = ("--types", "notifyEvent")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("profile", ["seed", "rel20"])
def test_everything_comes_once_and_in_order(backend: str, profile: str, tmp_path: Path) -> None:
    lines = events(tmp_path / "lines", 30)
    options = ("--emit-from", str(lines), "--profile", profile, "--backend", backend)
    with notify(tmp_path / "n", *options) as producer:
        done = mnstream(
            *subscribing(producer.url, tmp_path / "s", *EVENTS, "--json", "--count", "30"),
            "--backend", backend, "--output", str(tmp_path / "out"), "--unsubscribe",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        _, *given, summary = map(json.loads, done.stdout.splitlines())
        assert problems(given) == [*range(30)]
        assert [each["sequenceNo"] for each in given] == [*range(1, 31)]
        assert (summary["handed_over"], summary["lost"]) == (30, 0)
        out = (tmp_path / "out").read_text()
        assert [json.loads(line) for line in out.splitlines()] == given
        shown = get(f"{producer.url}?scopeType=BASE_ALL")[1]
        assert "notificationRecipientAddress" not in shown  # it is deleted
        code, _, err = producer.end(signal.SIGTERM)
        assert (code, err) == (0, "")


def test_a_subscriber_that_comes_back_misses_nothing(tmp_path: Path) -> None:
    lines = events(tmp_path / "lines", 20)
    with notify(tmp_path / "n", "--emit-from", str(lines), "--emit-rate", "40") as producer:
        options = (*EVENTS, "--json", "--count", "5")
        first = mnstream(*subscribing(producer.url, tmp_path / "s", *options))
        again = (*EVENTS, "--json", "--count", "15", "--heartbeat", "1")
        second = mnstream(*subscribing(producer.url, tmp_path / "s", *again))
    given = [
        json.loads(line)
        for done in (first, second)
        for line in done.stdout.splitlines()
        if "specificProblem" in line
    ]
    assert problems(given) == [*range(20)]


def test_what_is_lost_is_exit_code_1(tmp_path: Path) -> None:
    lines = events(tmp_path / "lines", 50)
    options = ("--emit-from", str(lines), "--store-max", "5")
    with notify(tmp_path / "n", *options) as producer:
        arguments = (*EVENTS, "--json", "--heartbeat", "1", "--address")
        with running(*subscribing(producer.url, tmp_path / "s", *arguments,
                                  "http://127.0.0.1:1/")) as consumer:  # fmt: skip
            seen = [consumer.line()]
            while seen[-1].get("specificProblem") != 49:
                seen.append(consumer.line())
            code, out, _ = consumer.end(signal.SIGTERM)
    assert code == 1
    lost = [each for each in seen if each.get("event") == "lost"]
    missing = {n for each in lost for n in range(each["first"], each["last"] + 1)}
    given = {each["sequenceNo"] for each in seen if "sequenceNo" in each}
    assert missing | given == {*range(1, 51)}
    assert not missing & given
    assert json.loads(out.splitlines()[-1])["lost"] == len(missing) > 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_signals(number: signal.Signals, code: int, tmp_path: Path) -> None:
    with notify(tmp_path / "n") as producer:
        arguments = subscribing(producer.url, tmp_path / "s", "--json")
        with running(*arguments) as consumer:
            assert consumer.line()["notificationType"] == "notifyMOICreation"
            ended = consumer.end(number)
            assert ended[0] == code
            assert json.loads(ended[1].splitlines()[-1])["event"] == "summary"
            assert ended[2] == ""
        assert producer.end(number) == (code, "", "")


def test_what_was_acknowledged_is_given_before_a_signal_deletes_the_subscription(
    tmp_path: Path,
) -> None:
    lines = events(tmp_path / "lines", 500)
    with notify(tmp_path / "n", "--emit-from", str(lines)) as producer:
        options = (*EVENTS, "--json", "--unsubscribe")
        with running(*subscribing(producer.url, tmp_path / "s", *options)) as consumer:
            code, out, err = consumer.end(signal.SIGTERM)
        *given, summary = map(json.loads, out.splitlines())
        assert (code, err) == (0, "")
        assert [each["sequenceNo"] for each in given] == [*range(1, len(given) + 1)]
        assert summary["handed_over"] == len(given)
        assert summary["handed_over"] >= summary["received"] - summary["duplicates"]
        assert (summary["missing"], summary["lost"]) == (0, 0)
        shown = get(f"{producer.url}?scopeType=BASE_ALL")[1]
        assert "notificationRecipientAddress" not in shown


def test_a_signal_while_it_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/ManagedElement=1"
        with popen(*subscribing(url, tmp_path / "s")) as process:
            try:
                silent.settimeout(TIMEOUT_S)
                connection, _ = silent.accept()
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=TIMEOUT_S)
                connection.close()
            finally:
                process.kill()
    assert (process.returncode, out, err) == (130, "", "")


def test_ports_and_directories_in_use(tmp_path: Path) -> None:
    with notify(tmp_path / "n") as producer:
        port = producer.admin.rpartition(":")[2]
        taken = f"127.0.0.1:{port}"
        data = ("--data", str(tmp_path / "other"))
        provider = ("--provider", producer.url)
        for command, named in (
            (("notify", "--listen", taken, *data), taken),
            (("notify", *LOOPBACK, "--admin", taken, *data), taken),
            (("subscribe", "--listen", taken, *data, *provider), taken),
            (("subscribe", *LOOPBACK, "--admin", taken, *data, *provider), taken),
            (("notify", *LOOPBACK, "--data", str(tmp_path / "n")), str(tmp_path / "n")),
        ):
            done = mnstream(*command)
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1), done
            assert named in done.stderr
        with running(*subscribing(producer.url, tmp_path / "s")):
            done = mnstream(*subscribing(producer.url, tmp_path / "s"))
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1), done
            assert str(tmp_path / "s") in done.stderr
        unwritable = str(tmp_path / "no" / "out")
        done = mnstream(*subscribing(producer.url, tmp_path / "t", "--output", unwritable))
        assert (done.returncode, done.stderr.count("\n")) == (3, 1), done
        assert unwritable in done.stderr


def test_options_that_the_producer_refuses_are_wrong_usage(tmp_path: Path) -> None:
    with notify(tmp_path / "n") as producer:
        for options, named in (
            (("--filter", "]["), "ilter"),
            (("--filter", "document('/etc/passwd')"), "ilter"),
            (("--subscription-id", "a b"), "identifier"),
            (("--subscription-id", "a/b"), "identifier"),
            (("--subscription-id", ""), "identifier"),
            (("--subscription-id", "a:b"), "identifier"),
            (("--address", "ftp://127.0.0.1/"), "--address"),
        ):
            done = mnstream(*subscribing(producer.url, tmp_path / "s", *options))
            assert done.returncode == 2, done
            assert (done.stdout, done.stderr.count("\n")) == ("", 1), done
            assert named in done.stderr
        elsewhere = producer.url.replace("ManagedElement=1", "ManagedElement=2")
        done = mnstream(*subscribing(elsewhere, tmp_path / "s"))
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (3, "", 1), done


def test_filter_and_scope_select(tmp_path: Path) -> None:
    lines = events(tmp_path / "lines", 10)
    with notify(tmp_path / "n", "--emit-from", str(lines)) as producer:
        options = ("--filter", "//specificProblem > 6", "--scope", "BASE_SUBTREE:1", "--json")
        done = mnstream(
            *subscribing(producer.url, tmp_path / "s", *EVENTS, *options, "--count", "3")
        )
    assert done.returncode == 0, done.stderr
    given = [json.loads(line) for line in done.stdout.splitlines()[1:-1]]
    assert problems(given) == [7, 8, 9]


def test_administrative_routes(tmp_path: Path) -> None:
    with notify(tmp_path / "n", "--admin", "127.0.0.1:0") as producer:
        arguments = subscribing(producer.url, tmp_path / "s", "--admin", "127.0.0.1:0")
        with running(*arguments) as consumer:
            for process, own_view in ((producer, "subscriptions"), (consumer, "synchronisation")):
                for path in ("/healthz", "/readyz", "/metrics", f"/admin/api/{own_view}"):
                    assert get(process.admin + path)[0] == 200, path
                root = process.url.split("/", 3)
                own = "/".join(root[:3])
                assert own != process.admin
                assert get(own + "/healthz")[0] == 404


def test_configuration_from_file_and_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        f'[notify]\nlisten = "127.0.0.1:0"\ndata = "{tmp_path}/n"\nprofile = "rel19"\n'
        f'base-object = "SubNetwork=1,ManagedElement=7"\nallow-recipients = ["127.0.0.0/8"]\n'
    )
    monkeypatch.setenv("MNSTREAM_NOTIFY_BASE_OBJECT", "ManagedElement=8")
    with running("notify", "--config", str(config)) as producer:
        assert producer.url.endswith("/3GPPManagement/ProvMnS/ManagedElement=8")
        monkeypatch.setenv("MNSTREAM_SUBSCRIBE_PROVIDER", producer.url)
        monkeypatch.setenv("MNSTREAM_SUBSCRIBE_COUNT", "1")
        done = mnstream("subscribe", *LOOPBACK, "--data", str(tmp_path / "s"), "--json")
        assert done.returncode == 0, done.stderr
    config.write_text('[notify]\nemit-rate = "fast"\n')
    done = mnstream("notify", "--config", str(config))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "emit-rate" in done.stderr


def test_tls_and_signatures(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "cert.pem"))
    (tmp_path / "secret").write_text("whsec_" + "QUFB" * 8)
    (tmp_path / "wrong").write_text("whsec_" + "QkJC" * 8)
    ca, pem = str(tmp_path / "ca.pem"), str(tmp_path / "cert.pem")
    served = ("--tls-cert", pem, "--tls-key", pem)
    lines = events(tmp_path / "lines", 5)
    producing = ("--recipient-ca", ca, "--signing-secret", str(tmp_path / "secret"),
                 "--emit-from", str(lines))  # fmt: skip
    with notify(tmp_path / "n", *served, *producing) as producer:
        assert producer.url.startswith("https://127.0.0.1:")
        taking = (*served, "--provider-ca", ca, *EVENTS, "--json", "--heartbeat", "1",
                  "--count", "5", "--signing-secret")  # fmt: skip
        right = mnstream(*subscribing(producer.url, tmp_path / "s", *taking,
                                      str(tmp_path / "secret")))  # fmt: skip
        assert right.returncode == 0, right.stderr
        summary = json.loads(right.stdout.splitlines()[-1])
        assert (summary["handed_over"], summary["received"]) == (5, 5)
        distrusting = mnstream(*subscribing(producer.url, tmp_path / "t"))
        assert (distrusting.returncode, distrusting.stderr.count("\n")) == (3, 1), distrusting
        with running(*subscribing(producer.url, tmp_path / "w", *served, "--provider-ca", ca,
                                  "--json", "--signing-secret",
                                  str(tmp_path / "wrong"))) as consumer:  # fmt: skip
            _, out, _ = consumer.end(signal.SIGTERM)
            assert json.loads(out.splitlines()[-1])["received"] == 0


def test_standard_input_and_bad_lines(tmp_path: Path) -> None:
    read, write = os.pipe()
    command = [*map(str, ("notify", *LOOPBACK, "--data", tmp_path / "n", "--emit-from", "-"))]
    with subprocess.Popen(
        [sys.executable, "-m", "mnstream", *command], stdin=read, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            os.close(read)
            producer = Process(process)
            text = events(tmp_path / "lines", 3).read_text().splitlines(keepends=True)
            os.write(write, f"{text[0]}nonsense\n{text[1]}{{}}\n{text[2]}".encode())
            done = mnstream(
                *subscribing(producer.url, tmp_path / "s", *EVENTS, "--json", "--count", "3")
            )
            given = [json.loads(line) for line in done.stdout.splitlines()[1:-1]]
            assert problems(given) == [0, 1, 2]
            code, out, err = producer.end(signal.SIGTERM)
        finally:
            process.kill()
            os.close(write)
    assert (code, out, err.count("\n")) == (0, "", 2), err
    assert "line 2: not JSON" in err
    assert "line 4: notificationType" in err

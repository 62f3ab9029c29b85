"""A consumer against a model of dictionaries and lists, whatever happens in whatever order."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mnstream.core.effects import (
    AbortChannel,
    AcceptChannel,
    Acknowledge,
    Answer,
    CloseChannel,
    ConsumerEffect,
    RefuseChannel,
    SendPing,
    Store,
)
from mnstream.core.events import (
    ChannelLost,
    ChannelViolated,
    ConsumerEvent,
    DeadlineReached,
    PongReceived,
    StopRequested,
)
from mnstream.core.lifecycles.consumer_connection import ConsumerConnectionState as S
from mnstream.core.operations import (
    AddStream,
    AddStreamOutcome,
    DeleteStream,
    DeleteStreamOutcome,
    EstablishOutcome,
    GetConnectionInfo,
    GetConnectionInfoOutcome,
    GetStreamInfo,
    GetStreamInfoOutcome,
)
from mnstream.core.records import ConnectionEnded, Disposition, Ending, FrameStored, Record
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.core.values import ConnectionId, ProducerId, Status
from tests.core.support import (
    closed,
    establish,
    frame,
    ids,
    new_consumer,
    performance,
    pinged,
    received,
    requested,
    taken_apart,
    upgrade,
)

CONFIG = ConsumerConfig(
    connections_max=4,
    streams_per_connection_max=5,
    announce_timeout_ms=60,
    keep_alive_ms=30,
    probe_timeout_ms=10,
    grace_ms=300,
    resend_window_frames=6,
)
numbers = st.integers(1, 7)
lists = st.lists(numbers, min_size=1, max_size=4)
picks = st.integers(0, 99)


@dataclass
class Connection:
    """What the model knows of a connection; streams are numbers with two values each."""

    name: ConnectionId
    producer_id: ProducerId
    identity: str
    streams: list[int]
    version: int
    state: S
    deadline_ms: int
    frames: list[bytes] = field(default_factory=list[bytes])
    resent: list[bytes] = field(default_factory=list[bytes])
    """What a producer without any Pong would send again, not yet sent."""


class ConsumerMachine(RuleBasedStateMachine):
    """Feeds a consumer and says beforehand what has to come of it."""

    def __init__(self) -> None:
        super().__init__()
        self.consumer: StreamingConsumer = new_consumer(CONFIG)
        self.now_ms = 0
        self.connections: dict[ConnectionId, Connection] = {}
        self.version = 0
        self.made = 0
        self.bodies = 0
        self.stopping = False
        self.log: list[Record] = []

    # --- helpers ---------------------------------------------------------------------------------

    def feed(self, event: ConsumerEvent) -> tuple[ConsumerEffect, ...]:
        effects = self.consumer.handle(event, now_ms=self.now_ms)
        self.log += [effect.record for effect in effects if isinstance(effect, Store)]
        return effects

    def some(self, pick: int, *states: S) -> Connection:
        eligible = [c for c in self.connections.values() if c.state in (states or S)]
        return eligible[pick % len(eligible)]

    def any_in(self, *states: S) -> bool:
        return any(connection.state in states for connection in self.connections.values())

    def hear(self, connection: Connection) -> None:
        connection.state = S.OPEN
        connection.deadline_ms = self.now_ms + 30

    def detach(self, connection: Connection) -> None:
        connection.state = S.DETACHED
        connection.deadline_ms = self.now_ms + 300

    def next_body(self) -> str:
        self.bodies += 1
        return f"frame {self.bodies}"

    # --- operations ------------------------------------------------------------------------------

    @rule(streams=lists, identity=st.sampled_from(["", "CN=a"]), bad=st.booleans(), pick=picks)
    def establish(self, streams: list[int], identity: str, bad: bool, pick: int) -> None:
        self.made += 1
        name, producer_id = ConnectionId(f"c{self.made}"), ProducerId(f"gnb{pick % 2}")
        infos = [performance(each, metrics=() if bad else ("a", "b")) for each in streams]
        effects = self.feed(
            establish(
                *infos, connection_id=name, producer_id=producer_id, identity=identity,
                wall_ms=self.now_ms,
            )
        )  # fmt: skip
        answer = effects[-1]
        assert isinstance(answer, Answer)
        assert isinstance(answer.outcome, EstablishOutcome)
        exception = answer.outcome.exception
        if self.stopping or len(self.connections) >= 4:
            assert exception is not None
            assert exception.name == "unavailable"
        elif bad or len(set(streams)) < len(streams):
            assert exception is not None
            assert exception.name == "unexpectedStreams"
        else:
            assert exception is None
            assert isinstance(effects[0], Store)
            self.version += 1
            self.connections[name] = Connection(
                name=name,
                producer_id=producer_id,
                identity=identity,
                streams=list(streams),
                version=self.version,
                state=S.ANNOUNCED,
                deadline_ms=self.now_ms + 60,
            )
        assert len(effects) == (1 if exception else 2)

    @precondition(lambda self: bool(self.connections))
    @rule(pick=picks, streams=lists)
    def add_streams(self, pick: int, streams: list[int]) -> None:
        connection = self.some(pick)
        operation = AddStream(
            connection_id=connection.name, stream_info_list=tuple(map(performance, streams))
        )
        effects = self.feed(requested(operation, identity=connection.identity))
        new = [each for each in dict.fromkeys(streams) if each not in connection.streams]
        asked_for = [each for each in streams if each not in connection.streams]
        answer = effects[-1]
        assert isinstance(answer, Answer)
        assert isinstance(answer.outcome, AddStreamOutcome)
        if len(connection.streams) + len(asked_for) > 5:
            assert answer.outcome.exception is not None
            assert answer.outcome.exception.name == "limitExceeded"
        else:
            added = tuple(map(performance, new))
            assert answer.outcome.stream_info_list == added
            duplicates = len(streams) - len(new)
            assert (answer.outcome.exception is not None) is (duplicates > 0)
            if new:
                self.version += 1
                connection.version = self.version
                connection.streams += new
                assert len(effects) == 2

    @precondition(lambda self: bool(self.connections))
    @rule(pick=picks, streams=lists)
    def delete_streams(self, pick: int, streams: list[int]) -> None:
        connection = self.some(pick)
        operation = DeleteStream(connection_id=connection.name, stream_id_list=ids(*streams))
        answer = self.feed(requested(operation, identity=connection.identity))[-1]
        assert isinstance(answer, Answer)
        assert isinstance(answer.outcome, DeleteStreamOutcome)
        if set(streams) <= set(connection.streams):
            assert answer.outcome.status is Status.SUCCESS
            self.version += 1
            connection.version = self.version
            connection.streams = [each for each in connection.streams if each not in streams]
        else:
            assert answer.outcome.status is Status.FAILURE

    @rule(wanted=st.lists(numbers, max_size=3))
    def ask(self, wanted: list[int]) -> None:
        (answer,) = self.feed(requested(GetConnectionInfo()))
        assert isinstance(answer, Answer)
        assert isinstance(answer.outcome, GetConnectionInfoOutcome)
        assert [
            (info.connection_id, info.stream_reporter, info.stream_id_list)
            for info in answer.outcome.connection_info_list
        ] == [(c.name, c.producer_id, ids(*c.streams)) for c in self.connections.values()]
        (answer,) = self.feed(requested(GetStreamInfo(stream_id_list=ids(*wanted))))
        assert isinstance(answer, Answer)
        assert isinstance(answer.outcome, GetStreamInfoOutcome)
        reporters = {
            str(each): {c.producer_id for c in self.connections.values() if each in c.streams}
            for each in range(1, 8)
        }
        found = [each for each in map(str, wanted or reporters) if reporters[each]]
        sums = answer.outcome.stream_info_sum_list
        assert sorted(s.stream_info.stream_id for s in sums) == sorted(found)
        for each in sums:
            assert set(each.stream_reporters) == reporters[each.stream_info.stream_id]
            assert len(set(each.stream_reporters)) == len(each.stream_reporters)

    # --- channels --------------------------------------------------------------------------------

    @precondition(lambda self: bool(self.connections))
    @rule(pick=picks, impostor=st.booleans())
    def request_channel(self, pick: int, impostor: bool) -> None:
        connection = self.some(pick)
        identity = "CN=mallory" if impostor else connection.identity
        effects = self.feed(upgrade(connection.name, identity))
        first = effects[0]
        if impostor or self.stopping or connection.state in (S.OPEN, S.PROBED):
            assert isinstance(first, RefuseChannel)
            expected = "unavailable" if self.stopping else "connectionInUse"
            assert first.exception.name == ("notPermitted" if impostor else expected)
            probes = not impostor and not self.stopping and connection.state is S.OPEN
            assert [type(effect) for effect in effects[1:]] == [SendPing] * probes
            if probes:
                connection.state = S.PROBED
                connection.deadline_ms = self.now_ms + 10
        else:
            assert effects == (AcceptChannel(connection_id=connection.name),)
            self.hear(connection)
            connection.resent = list(connection.frames)

    @precondition(lambda self: self.any_in(S.OPEN, S.PROBED))
    @rule(
        pick=picks,
        kind=st.sampled_from(["plain", "plain", "unknown", "count", "undecodable", "empty"]),
        quick=st.booleans(),
    )
    def receive(self, pick: int, kind: str, quick: bool) -> None:
        connection = self.some(pick, S.OPEN, S.PROBED)
        body = self.next_body()
        number = connection.streams[0] if connection.streams else 1
        payload = {
            "plain": frame(body, (number, 2)),
            "unknown": frame(body, (99, 2)),
            "count": frame(body, (number, 3)),
            "undecodable": f"Z{body};".encode(),
            "empty": b"",
        }[kind]
        if not connection.streams and kind != "empty":
            kind = "undecodable"
        self.give(connection, payload, kind, quick)
        if kind != "empty":
            connection.resent = []

    @precondition(
        lambda self: any(c.resent and c.state is S.OPEN for c in self.connections.values())
    )
    @rule(pick=picks, skip=st.integers(0, 3))
    def send_again(self, pick: int, skip: int) -> None:
        eligible = [c for c in self.connections.values() if c.resent and c.state is S.OPEN]
        connection = eligible[pick % len(eligible)]
        if connection.resent == connection.frames:  # the first of this channel
            connection.resent = connection.resent[min(skip, len(connection.resent) - 1) :]
        self.give(connection, connection.resent.pop(0), "duplicate", quick=True)

    def give(self, connection: Connection, payload: bytes, kind: str, quick: bool) -> None:
        """Hand a frame over as a driver does, and see where it ends."""
        name = connection.name
        version = quick and self.consumer.accept_frames(name, [payload], self.now_ms)
        if version:
            record = FrameStored(
                streams_version=version,
                disposition=Disposition.DELIVERED,
                cause="",
                wall_ms=self.now_ms,
                payload=payload,
            )
            self.log.append(record)
            effects: tuple[ConsumerEffect, ...] = (Store(record=record),)
        else:
            effects = self.feed(received(payload, name, wall_ms=self.now_ms))
        disposition, cause = {
            "plain": (Disposition.DELIVERED, ""),
            "unknown": (Disposition.QUARANTINED, "unknownStream"),
            "count": (Disposition.QUARANTINED, "wrongValueCount"),
            "undecodable": (Disposition.QUARANTINED, "undecodable"),
            "duplicate": (Disposition.DUPLICATE, ""),
            "empty": (Disposition.KEEP_ALIVE, ""),
        }[kind]
        expected = FrameStored(
            streams_version=connection.version,
            disposition=disposition,
            cause=cause,
            wall_ms=self.now_ms,
            payload=payload,
        )
        assert effects == (() if kind == "empty" else (Store(record=expected),))
        self.hear(connection)
        if kind not in ("empty", "duplicate"):
            connection.frames = [*connection.frames, payload][-6:]

    @precondition(lambda self: self.any_in(S.OPEN, S.PROBED))
    @rule(pick=picks, asks=st.booleans())
    def ping_or_pong(self, pick: int, asks: bool) -> None:
        connection = self.some(pick, S.OPEN, S.PROBED)
        if asks:
            acknowledge = Acknowledge(connection_id=connection.name, payload=b"7")
            assert self.feed(pinged(b"7", connection.name)) == (acknowledge,)
        else:
            pong = PongReceived(connection_id=connection.name, payload=b"")
            assert self.feed(pong) == ()
        self.hear(connection)

    @precondition(lambda self: self.any_in(S.OPEN, S.PROBED))
    @rule(pick=picks)
    def close(self, pick: int) -> None:
        connection = self.some(pick, S.OPEN, S.PROBED)
        store, goodbye = self.feed(closed(connection.name))
        assert isinstance(store, Store)
        assert goodbye == CloseChannel(connection_id=connection.name, code=1000)
        del self.connections[connection.name]

    @precondition(lambda self: self.any_in(S.OPEN, S.PROBED))
    @rule(pick=picks, violated=st.booleans())
    def lose(self, pick: int, violated: bool) -> None:
        connection = self.some(pick, S.OPEN, S.PROBED)
        name = connection.name
        event: ConsumerEvent = ChannelLost(connection_id=name)
        if violated:
            event = ChannelViolated(connection_id=name, code=1003, reason="text")
        assert self.feed(event) == ()
        self.detach(connection)

    # --- time and restarts -----------------------------------------------------------------------

    @rule(wait_ms=st.sampled_from([0, 1, 5, 10, 25, 29, 30, 31, 100, 300]))
    def wait(self, wait_ms: int) -> None:
        until_ms = self.now_ms + wait_ms
        while (alarm_ms := self.consumer.next_deadline_ms()) is not None and alarm_ms <= until_ms:
            assert alarm_ms >= self.now_ms
            self.now_ms = alarm_ms
            effects = self.feed(DeadlineReached(wall_ms=alarm_ms))
            assert sorted(map(repr, effects)) == sorted(self.let_time_pass())
            assert (self.consumer.next_deadline_ms() or alarm_ms + 1) > alarm_ms
        self.now_ms = until_ms
        assert self.let_time_pass() == []

    def let_time_pass(self) -> list[str]:
        """Step every connection whose time has come; says which effects that has."""
        effects: list[str] = []
        for connection in list(self.connections.values()):
            if connection.deadline_ms > self.now_ms:
                continue
            name = connection.name
            match connection.state:
                case S.OPEN:
                    effects.append(
                        repr(SendPing(connection_id=name, payload=b"mnstream: still there?"))
                    )
                    connection.state = S.PROBED
                    connection.deadline_ms = self.now_ms + 10
                case S.PROBED:
                    effects.append(repr(AbortChannel(connection_id=name)))
                    self.detach(connection)
                case _:
                    del self.connections[name]
                    expired = ConnectionEnded(
                        connection_id=name, ending=Ending.EXPIRED, wall_ms=self.now_ms
                    )
                    effects.append(repr(Store(record=expired)))
        return effects

    @rule()
    def stop(self) -> None:
        effects = self.feed(StopRequested())
        alive = [c for c in self.connections.values() if c.state in (S.OPEN, S.PROBED)]
        assert {e.connection_id for e in effects if isinstance(e, CloseChannel)} == {
            connection.name for connection in alive
        }
        assert len(effects) == len(alive)
        self.stopping = True
        for connection in alive:
            self.detach(connection)

    @rule()
    def restart(self) -> None:
        self.consumer = new_consumer(CONFIG)
        self.consumer.restore(*taken_apart(self.log), now_ms=self.now_ms)
        self.stopping = False
        for connection in self.connections.values():
            self.detach(connection)

    # --- what always holds -----------------------------------------------------------------------

    @invariant()
    def the_model_and_the_consumer_agree(self) -> None:
        known = {
            c.connection_id: (c.producer_id, c.identity, c.state, c.streams_version)
            for c in self.consumer.connections
        }
        assert known == {
            c.name: (c.producer_id, c.identity, c.state, c.version)
            for c in self.connections.values()
        }
        for connection in self.connections.values():
            streams = self.consumer.connections.existing(connection.name).streams
            assert list(streams) == list(ids(*connection.streams))
        assert self.consumer.connections.streams_version == self.version

    @invariant()
    def whoever_waits_has_a_deadline(self) -> None:
        alarm_ms = self.consumer.next_deadline_ms()
        if self.connections:
            assert alarm_ms is not None
            assert alarm_ms <= min(c.deadline_ms for c in self.connections.values())
        else:
            assert alarm_ms is None


ConsumerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestConsumerMachine = ConsumerMachine.TestCase

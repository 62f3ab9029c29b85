"""Every limit and every time of the two sides, with its unit and the reason for its default."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerConfig:
    """Limits of a streaming consumer. The standard names none of them.

    Attributes:
        connections_max: Connections that exist at the same time; each costs memory even when idle.
        streams_per_connection_max: Streams of one connection; a large gNB has some thousand cells
            and relations.
        metrics_per_stream_max: Metrics of one stream; TS 28.552 names less than a thousand for any
            one object class.
        text_chars_max: Length of every identifier, DN and name of a metric; DNs of deep trees stay
            below 1000.
        stream_info_chars_max: Characters of one StreamInfo, with one more for each text or other
            value; a thousand metrics with names of 60 characters have a quarter of it.
        connection_info_chars_max: The same of all streams of one connection, which are kept in
            memory and in every segment of a log; 10,000 streams of 12 metrics have 2.7 million.
        announce_timeout_ms: How long a connection waits for its first upgrade.
        keep_alive_ms: Silence after which the producer is probed with a Ping; below the idle time
            of common firewalls and load balancers, which is 60 s.
        probe_timeout_ms: How long a probed producer has to show a sign of life.
        grace_ms: How long a connection outlives its channel, so that the producer may come back.
        resend_window_frames: Frames remembered for each connection to recognise those that are sent
            again; at least the producer's window, 4096 by default.
    """

    connections_max: int = 100_000
    streams_per_connection_max: int = 10_000
    metrics_per_stream_max: int = 10_000
    text_chars_max: int = 4_096
    stream_info_chars_max: int = 256 * 1024
    connection_info_chars_max: int = 4 * 1024 * 1024
    announce_timeout_ms: int = 60_000
    keep_alive_ms: int = 30_000
    probe_timeout_ms: int = 10_000
    grace_ms: int = 300_000
    resend_window_frames: int = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class ProducerConfig:
    """Limits and times of a streaming producer.

    Attributes:
        window_frames_max: Unacknowledged frames kept for sending again; more are not taken.
        window_bytes_max: The same in bytes, so that large trace records do not fill the memory.
        ping_frames: Frames after which an acknowledgement is asked for; a quarter of the window
            keeps the pipe full.
        ping_bytes: Bytes after which one is asked for; on a slow link Pongs come back all the time.
        ping_interval_ms: Time after which one is asked for when fewer frames were sent.
        keep_alive_ms: Silence after which a Ping is sent although nothing waits for it.
        pong_timeout_ms: How long nothing may be answered once a Ping has left; longer than a slow
            disk takes.
        request_timeout_ms: How long an answer to a request or an upgrade may take.
        close_timeout_ms: How long the consumer has to answer our Close.
        drain_timeout_ms: How long the last acknowledgements may take once the application has
            finished and a channel is open.
        back_off_initial_ms: Upper bound of the first pause before trying again.
        back_off_max_ms: Upper bound of every pause.
        give_up_ms: How long to go on without an acknowledgement; 0 for ever, as a network function
            does.
    """

    window_frames_max: int = 4_096
    window_bytes_max: int = 16 * 1024 * 1024
    ping_frames: int = 1_024
    ping_bytes: int = 256 * 1024
    ping_interval_ms: int = 50
    keep_alive_ms: int = 30_000
    pong_timeout_ms: int = 30_000
    request_timeout_ms: int = 30_000
    close_timeout_ms: int = 10_000
    drain_timeout_ms: int = 60_000
    back_off_initial_ms: int = 200
    back_off_max_ms: int = 10_000
    give_up_ms: int = 0

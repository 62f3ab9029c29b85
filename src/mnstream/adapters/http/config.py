"""Every limit of the HTTP transports, with its unit and the reason for its default."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """What a peer may cost. Times are milliseconds, sizes bytes.

    Attributes:
        head_bytes_max: Request or status line and headers. 16 KiB is what nginx, Apache (8 to
            16 KiB) and h11 (16 KiB) settle on, and holds any bearer token.
        header_count_max: Headers of one message. Apache takes 100.
        body_bytes_max: Body of a request or of an answer. The 10,000 streams that a connection may
            have announce themselves in 4.3 MB: measured 430 bytes a stream, with 12 metrics, names
            as in TS 28.552 and a DN of 60 characters. 8 MiB leave room for longer ones.
        message_bytes_max: One WebSocket message; more is answered with 1009. 16 MiB is our choice:
            the standard names none.
        connect_ms: A dial: name, TCP. One lost SYN costs 1 s, two cost 3 s.
        tls_handshake_ms: TLS handshake, either side.
        request_ms: From the first byte of a request to its last, so that a client that sends one
            byte a second is gone after this; at a client, the whole of a request and its answer.
        early_answer_ms: A client whose request cannot be written any more waits this long for an
            answer that says why: it has arrived already, or is right behind.
        idle_ms: A server keeps a silent keep-alive socket for this long.
        reuse_ms: A client uses a kept socket for this long; below every common server's idle time
            (5 s to 75 s), so that a request rarely meets a socket that is being closed.
        send_ms: A peer that takes nothing at all for this long is not reading.
        close_ms: Closing handshake of a WebSocket, waiting for the peer's Close.
        linger_ms: After a refusal the rest of what the peer sends is read and dropped for this
            long, because closing over unread bytes resets the connection and destroys the answer.
        linger_bytes_max: The same, as a volume.
        stop_ms: A stopping server waits this long for requests and channels to end.
        sockets_max: Sockets at the same time; one more is answered 503 and closed. Twice the
            largest installation that is measured.
        accept_backlog: Dials that the kernel keeps before they are accepted: 5,000 producers come
            back within one second after a restart. The kernel may cap it (``somaxconn``).
        accept_pause_ms: Pause when the process has no file descriptor left.
    """

    head_bytes_max: int = 16 * 1024
    header_count_max: int = 100
    body_bytes_max: int = 8 * 1024 * 1024
    message_bytes_max: int = 16 * 1024 * 1024
    connect_ms: int = 10_000
    tls_handshake_ms: int = 10_000
    request_ms: int = 30_000
    early_answer_ms: int = 2_000
    idle_ms: int = 60_000
    reuse_ms: int = 4_000
    send_ms: int = 30_000
    close_ms: int = 5_000
    linger_ms: int = 2_000
    linger_bytes_max: int = 1024 * 1024
    stop_ms: int = 10_000
    sockets_max: int = 10_000
    accept_backlog: int = 8_192
    accept_pause_ms: int = 100


class Uncounted:
    """An observer for whoever does not want to know."""

    __slots__ = ()

    def count(self, name: str, cause: str = "", amount: int = 1) -> None:
        """Forget it."""


DEFAULT_HTTP_LIMITS = HttpLimits()
NO_OBSERVER = Uncounted()

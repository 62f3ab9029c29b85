"""How a user's own formats are decoded: what a vendor sends, or what a trace record carries."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from mnstream.core.values import Json, StreamInfo


@runtime_checkable
class PayloadCodec(Protocol):
    """Understands payloads that no standard describes.

    It is asked only when somebody looks at the data: what is received is stored as it is, whatever
    a codec makes of it. Both methods may be called by several threads at the same time.
    """

    name: str
    """Shown beside what it decoded."""

    def claims(self, stream: StreamInfo, schema_uri: str) -> bool:
        """Tell whether payloads of this stream are its own.

        Args:
            stream: The stream as it was announced when the payload was received.
            schema_uri: What a trace record says of its payload; "" for other streams.
        """
        ...

    def decode(self, payload: bytes) -> Json:
        """Say what a payload means; it may raise anything, which is then shown as the reason."""
        ...

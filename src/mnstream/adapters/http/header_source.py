"""Headers that somebody else gives for every request, and that may fail to come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import h11

from mnstream.adapters.http.exchange import Headers
from mnstream.ports.channel import Broken

HeaderSource = Callable[[], Awaitable[Headers]]
"""Headers for every request, asked each time: tokens expire. What it raises is ``Broken`` to
whoever wanted the request, as if nobody had answered: where tokens come from may be away, too."""


async def further_headers(source: HeaderSource | None) -> Headers:
    """Ask for the headers of one request; none where there is no source.

    Raises:
        Broken: The source failed, or gave what HTTP does not allow in a head. The text has nothing
            of it, because it may hold secrets.
    """
    if source is None:
        return ()
    try:
        headers = await source()
    except Exception as exc:
        raise Broken(f"the source of headers failed: {type(exc).__name__}") from exc
    try:
        h11.Request(method="GET", target="/", headers=[("Host", ""), *headers])
    except (h11.LocalProtocolError, ValueError, TypeError):
        # Not from it: it quotes the header, and what is chained is printed.
        raise Broken("the source of headers gave something that is no header") from None
    return headers

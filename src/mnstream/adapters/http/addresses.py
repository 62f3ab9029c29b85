"""Where a consumer is, and which of its ``Location`` headers a producer follows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

_DEFAULT_PORTS = {False: 80, True: 443}
_SECURE = {"http": False, "ws": False, "https": True, "wss": True}


@dataclass(frozen=True, slots=True)
class Origin:
    """One server: whether it speaks TLS, its host name in lower case, its port."""

    secure: bool
    host: str
    port: int

    @property
    def authority(self) -> str:
        """What goes into ``Host``: the port only where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.secure] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Root:
    """Root of the resources: ``/connections`` follows ``base_path``, which ends in no slash."""

    origin: Origin
    base_path: str


def parse_root(url: str) -> Root:
    """Read the URL of a root; ``ws`` and ``wss`` mean the same as ``http`` and ``https``.

    Raises:
        ValueError: Not such a URL, or one with a user, a query or a fragment.
    """
    parts = urlsplit(url)
    secure = _SECURE.get(parts.scheme)
    if secure is None or not parts.hostname:
        raise ValueError(f"{url!r} does not begin with http(s)://HOST")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"{url!r} has a user, a query or a fragment")
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ValueError(f"{url!r} has characters that no URL has")
    port = parts.port or _DEFAULT_PORTS[secure]
    return Root(Origin(secure, parts.hostname, port), parts.path.rstrip("/"))


def root_of_location(
    location: str, *, base: Root, path: str, hosts: Collection[str]
) -> Root | None:
    """Return the root that a ``Location`` leads to; None when it is not to be followed.

    It is followed to the same host, whatever port, and to those in ``hosts``; never from TLS to
    plain text; and only where its path is a connection's.

    Args:
        location: Absolute or relative, as the consumer wrote it.
        base: Where the request went to.
        path: Path of the connection below its root, for example ``/connections/7``.
        hosts: Other hosts that are allowed, in lower case.
    """
    scheme = "https" if base.origin.secure else "http"
    try:
        url = urljoin(f"{scheme}://{base.origin.authority}{base.base_path}/connections", location)
        parts = urlsplit(url)
        if not parts.path.endswith(path):
            return None
        root = parse_root(parts._replace(path=parts.path.removesuffix(path)).geturl())
    except ValueError:
        return None
    if root.origin.host != base.origin.host and root.origin.host not in hosts:
        return None
    if base.origin.secure and not root.origin.secure:
        return None
    return root

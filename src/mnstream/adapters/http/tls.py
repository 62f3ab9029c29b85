"""TLS: contexts for both sides, and who a certificate says its owner is."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from anyio.abc import ByteStream
from anyio.streams.tls import TLSAttribute

Names = Iterable[Iterable[tuple[str, str]]]

_SHORT_NAMES = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
    "userId": "UID",
}
"""RFC 4514 3; every other attribute keeps the name that OpenSSL gives it."""


def server_context(
    certificate: Path, key: Path, *, client_ca: Path | None = None
) -> ssl.SSLContext:
    """Make the context of a server: TLS 1.2 or later, HTTP/1.1, no renegotiation.

    Args:
        certificate: PEM file with the certificate and those between it and the root.
        key: PEM file with its private key, not encrypted.
        client_ca: PEM file with the roots of clients; with it every client has to show a
            certificate (mutual TLS).

    Raises:
        OSError: A file cannot be read, or is not what it should be (``ssl.SSLError``).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return _hardened(context)


def client_context(
    *, ca: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Make the context of a client: TLS 1.2 or later, HTTP/1.1, names checked.

    Args:
        ca: PEM file with the roots of servers; None for those of the system.
        certificate: PEM file with our own certificate, for mutual TLS.
        key: PEM file with its private key; None when ``certificate`` holds it, too.

    Raises:
        OSError: A file cannot be read, or is not what it should be (``ssl.SSLError``).
    """
    context = ssl.create_default_context(cafile=ca)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return _hardened(context)


def _hardened(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])  # the WebSocket upgrade of TS 28.532 needs it
    return context


def identity_of(stream: ByteStream) -> str:
    """Return the name of the peer that TLS has authenticated; empty when it has not.

    The first URI of the certificate's alternative names, because that is where network functions
    carry their identity (``urn:uuid:...``, TS 33.310; SPIFFE); without one the subject, written
    like ``CN=gnb-7,OU=RAN,O=Example`` (RFC 4514); without a subject the first DNS name.
    """
    found = stream.extra(TLSAttribute.peer_certificate, None)
    if not found:
        return ""
    subject = cast(Names, found.get("subject", ()))
    alternatives = list(cast(Iterable[tuple[str, str]], found.get("subjectAltName", ())))
    return _first(alternatives, "URI") or distinguished_name(subject) or _first(alternatives, "DNS")


def _first(alternatives: Iterable[tuple[str, str]], kind: str) -> str:
    return next((value for each, value in alternatives if each == kind), "")


def distinguished_name(names: Names) -> str:
    """Write a subject as RFC 4514 does: most specific part first, special characters escaped."""
    parts = [
        "+".join(f"{_SHORT_NAMES.get(kind, kind)}={_escaped(value)}" for kind, value in part)
        for part in names
    ]
    return ",".join(reversed(parts))


def _escaped(value: str) -> str:
    """Escape what RFC 4514 2.4 gives a meaning."""
    text = "".join(f"\\{each}" if each in '"+,;<>\\' else each for each in value)
    text = text.replace("\0", "\\00")
    if text.startswith(("#", " ")):
        text = "\\" + text
    return text[:-1] + "\\ " if text.endswith(" ") and len(value) > 1 else text

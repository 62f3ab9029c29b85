from __future__ import annotations

# pyright: reportUnknownMemberType=false
# trustme's annotations mention types of pyOpenSSL, which is not installed.
import ssl

import pytest
import trustme


@pytest.fixture(scope="session")
def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server and of a client that show each other certificates."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.issue_cert("producer.example").configure_cert(client)
    for context in (server, client):
        authority.configure_trust(context)
    return server, client

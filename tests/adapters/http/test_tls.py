# pyright: reportUnknownMemberType=false
# trustme's annotations mention types of pyOpenSSL, which is not installed.
from __future__ import annotations

import datetime
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mnstream.adapters.http import (
    HttpLimits,
    HttpServer,
    HttpTransport,
    client_context,
    listen,
    port_of,
    server_context,
)
from mnstream.adapters.http.tls import distinguished_name
from mnstream.core.operations import GetConnectionInfo
from mnstream.core.values import ConnectionId, Status
from mnstream.ports.channel import Broken
from mnstream.testing.channels import receive_messages
from mnstream.testing.services import ScriptedService
from mnstream.testing.transports import open_pair
from tests.adapters.http.helpers import Counts, rest_of, sockets_left

pytestmark = pytest.mark.anyio

NETWORK_FUNCTION = "urn:uuid:4947a69a-f61b-4bc1-b9da-47c9c5d14b64"


class Files:
    """PEM files as an operator has them."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca))
        self._folder = folder

    def issue(
        self, name: str, *identities: str, common_name: str | None = None
    ) -> tuple[Path, Path]:
        issued = self.authority.issue_cert(*identities, common_name=common_name)
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        key.write_bytes(issued.private_key_pem.bytes())
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        return certificate, key


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@asynccontextmanager
async def serving(
    tls: ssl.SSLContext, counts: Counts
) -> AsyncGenerator[tuple[ScriptedService, HttpServer, int]]:
    service = ScriptedService()
    listeners = await listen("127.0.0.1", 0)
    limits = HttpLimits(tls_handshake_ms=300, linger_ms=100)
    server = HttpServer(service, tls=tls, observer=counts, limits=limits)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(server.serve, listeners))
        yield service, server, port_of(listeners)
        tasks.cancel_scope.cancel()


async def test_tls_from_files(files: Files) -> None:
    tls = server_context(*files.issue("server", "localhost"))
    counts = Counts()
    async with serving(tls, counts) as (service, _, port):
        transport = HttpTransport(f"https://localhost:{port}", tls=client_context(ca=files.ca))
        producer, attended = await open_pair(transport, service)
        assert attended.peer.identity == ""  # nobody asked it who it is
        assert attended.peer.address.startswith("127.0.0.1:")
        await producer.send([b"secret"])
        assert await receive_messages(attended.channel, 1) == [b"secret"]
        assert (await transport.request(GetConnectionInfo())).status is Status.SUCCESS
        await producer.abort()
        await transport.aclose()
        attended.done.set()


@pytest.mark.parametrize(
    ("identities", "common_name", "identity"),
    [
        ((NETWORK_FUNCTION, "gnb.example"), "gnb-7", NETWORK_FUNCTION),
        (("gnb.example",), "gnb-7", "CN=gnb-7,OU=Testing cert"),
    ],
)
async def test_mutual_tls_says_who_it_is(
    files: Files, identities: tuple[str, ...], common_name: str | None, identity: str
) -> None:
    tls = server_context(*files.issue("server", "localhost"), client_ca=files.ca)
    certificate, key = files.issue("client", "localhost")
    if identities[0].startswith("urn:"):
        certificate, key = issue_uri(files, identities[0])
    elif common_name is not None:
        certificate, key = files.issue("client", *identities, common_name=common_name)
    context = client_context(ca=files.ca, certificate=certificate, key=key)
    async with serving(tls, Counts()) as (service, _, port):
        transport = HttpTransport(f"https://localhost:{port}", tls=context)
        producer, attended = await open_pair(transport, service)
        assert attended.peer.identity.startswith(identity)
        assert service.asked[0][1].identity == attended.peer.identity
        await producer.abort()
        await transport.aclose()
        attended.done.set()


def issue_uri(files: Files, uri: str) -> tuple[Path, Path]:
    """Issue a certificate with a URI, which trustme does not do."""
    authority = x509.load_pem_x509_certificate(files.authority.cert_pem.bytes())
    authority_key = serialization.load_pem_private_key(
        files.authority.private_key_pem.bytes(), password=None
    )
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "not this")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC))
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    paths = files.ca.parent / "nf.pem", files.ca.parent / "nf.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


async def test_without_a_certificate_there_is_no_service(files: Files, tmp_path: Path) -> None:
    counts = Counts()
    tls = server_context(*files.issue("server", "localhost"), client_ca=files.ca)
    stranger = Files(tmp_path)
    for context in (
        client_context(ca=files.ca),
        _context(files, stranger.issue("stranger", "localhost")),
    ):
        async with serving(tls, counts) as (service, server, port):
            transport = HttpTransport(f"https://localhost:{port}", tls=context)
            with pytest.raises(Broken):
                await transport.request(GetConnectionInfo())
            await sockets_left(server, 0)
            assert service.asked == []
    assert counts["tls_handshakes_failed", "failed"] == 2


def _context(files: Files, pair: tuple[Path, Path]) -> ssl.SSLContext:
    return client_context(ca=files.ca, certificate=pair[0], key=pair[1])


async def test_a_consumer_that_nobody_vouches_for_is_refused(files: Files) -> None:
    counts = Counts()
    tls = server_context(*files.issue("server", "elsewhere.example"))
    async with serving(tls, counts) as (_, _, port):
        for context in (client_context(ca=files.ca), client_context()):
            transport = HttpTransport(f"https://localhost:{port}", tls=context)
            with pytest.raises(Broken, match=r"no TLS.*certificate"):
                await transport.request(GetConnectionInfo())
            with pytest.raises(Broken, match=r"no TLS.*certificate"):
                await transport.open_channel(ConnectionId("c1"))


async def test_what_is_no_tls_is_counted_and_left(files: Files) -> None:
    counts = Counts()
    tls = server_context(*files.issue("server", "localhost"))
    async with serving(tls, counts) as (_, server, port):
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"):
            stream = await anyio.connect_tcp("127.0.0.1", port)
            await stream.send(data)
            await rest_of(stream)
            await stream.aclose()
        await sockets_left(server, 0)
    assert counts["tls_handshakes_failed", "failed"] == 1
    assert counts["tls_handshakes_failed", "too_slow"] == 1


async def test_old_tls_is_refused(files: Files) -> None:
    tls = server_context(*files.issue("server", "localhost"))
    assert tls.minimum_version is ssl.TLSVersion.TLSv1_2
    assert client_context(ca=files.ca).minimum_version is ssl.TLSVersion.TLSv1_2
    assert client_context(ca=files.ca).check_hostname


@pytest.mark.parametrize(
    ("names", "written"),
    [
        ((), ""),
        (((("countryName", "DE"),), (("commonName", "gnb-7"),)), "CN=gnb-7,C=DE"),
        (((("commonName", "a"), ("userId", "b")),), "CN=a+UID=b"),
        (((("commonName", 'a,b+c"d\\e<f>g;h'),),), 'CN=a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h'),
        (((("commonName", " x "),),), "CN=\\ x\\ "),
        (((("commonName", "#x"),),), "CN=\\#x"),
        (((("commonName", " "),),), "CN=\\ "),
        (((("commonName", "a\0b"),),), "CN=a\\00b"),
        (((("pseudonym", "x"),),), "pseudonym=x"),
    ],
)
def test_distinguished_names(names: tuple[tuple[tuple[str, str], ...], ...], written: str) -> None:
    assert distinguished_name(names) == written

"""What commands that listen have in common: addresses that are safe, and TLS."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from urllib.parse import urlsplit

import click

from mnstream.adapters.cli.command import Address
from mnstream.adapters.http import Signature, client_context, read_secret, server_context
from mnstream.adapters.http.addresses import parse_root
from mnstream.adapters.runtime.places import is_loopback

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
Main = Callable[..., int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where a command listens, and how.

    Attributes:
        host: Address.
        port: Port; 0 takes a free one.
        tls: Context of a server; None for plain HTTP.
        admin: Address of its own for the administrative routes; None for the same.
        insecure: Whether plain HTTP beyond this machine is allowed.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None
    admin: tuple[str, int] | None
    insecure: bool


def listening_options(main: Main) -> Main:
    """Give a command the options of one that listens; it gets them as ``listening``."""

    @click.option(
        "--listen", type=Address(), required=True, help="Address; port 0 takes a free one."
    )
    @click.option("--tls-cert", type=FILE, help="Certificate chain, PEM.")
    @click.option("--tls-key", type=FILE, help="Its private key, PEM.")
    @click.option("--client-ca", type=FILE, help="Roots of client certificates: mutual TLS.")
    @click.option("--admin", type=Address(), help="Own address of /healthz, /metrics and the like.")
    @click.option("--insecure", is_flag=True, help="Allow plain HTTP beyond this machine.")
    @wraps(main)
    def with_listening(
        *,
        listen: tuple[str, int],
        tls_cert: Path | None,
        tls_key: Path | None,
        client_ca: Path | None,
        admin: tuple[str, int] | None,
        insecure: bool,
        **options: object,
    ) -> int:
        tls = _server_tls(tls_cert, tls_key, client_ca)
        _check_exposure(listen, admin, tls, insecure=insecure)
        listening = Listening(
            host=listen[0], port=listen[1], tls=tls, admin=admin, insecure=insecure
        )
        return main(listening=listening, **options)

    return with_listening


def signature_option(text: str) -> Callable[[Main], Main]:
    """Give a command an option for a file with secrets; it gets them as ``signature``."""

    def decorate(main: Main) -> Main:
        @click.option("--signing-secret", type=FILE, help=text)
        @wraps(main)
        def with_signature(*, signing_secret: Path | None, **options: object) -> int:
            return main(signature=_signature(signing_secret), **options)

        return with_signature

    return decorate


def check_target(option: str, url: str, *, insecure: bool) -> None:
    """Refuse what is no URL, and plain HTTP beyond this machine.

    Raises:
        click.UsageError: It is one of them.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.scheme in ("http", "https") and parts.port != 0 else None
    except ValueError:
        parts, host = urlsplit(""), None
    if not host:
        raise click.BadParameter(
            f"{url!r} is not http(s)://HOST[:PORT][/PATH]",
            click.get_current_context(),
            param_hint=option,
        )
    if parts.scheme == "http" and not is_loopback(host) and not insecure:
        raise click.UsageError(
            f"{option} is plain HTTP beyond this machine; use https, or --insecure",
            click.get_current_context(),
        )


def url_of(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse an option that is no URL of ours as others see it.

    Raises:
        click.BadParameter: It is none, or has a user, a query or a fragment.
    """
    try:
        if value is not None:
            parse_root(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error
    return value


def client_tls(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """Make the context of a client.

    Raises:
        click.UsageError: A file is not what it should be.
    """
    try:
        return client_context(ca=ca, certificate=certificate, key=key)
    except OSError as error:
        raise click.UsageError(f"TLS: {error}", click.get_current_context()) from error


def explained(error: BaseException) -> str:
    """Say what the machine refuses, and of what: a file, a directory or an address."""
    if not isinstance(error, OSError):
        return str(error)
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


def _check_exposure(
    listen: tuple[str, int],
    admin: tuple[str, int] | None,
    tls: ssl.SSLContext | None,
    *,
    insecure: bool,
) -> None:
    """Refuse plain HTTP that other machines can reach.

    Raises:
        click.UsageError: There is some, and nobody said that it is wanted.
    """
    for option, address, is_plain in (
        ("--listen", listen, tls is None),
        ("--admin", admin, True),
    ):
        if address is not None and is_plain and not is_loopback(address[0]) and not insecure:
            raise click.UsageError(
                f"{option} {address[0]} can be reached from elsewhere and would be plain HTTP; "
                "use a loopback address, --tls-cert and --tls-key, or --insecure",
                click.get_current_context(),
            )


def _server_tls(
    certificate: Path | None, key: Path | None, ca: Path | None
) -> ssl.SSLContext | None:
    """Make the context of a server; None when there is no certificate.

    Raises:
        click.UsageError: Something is missing, or a file is not what it should be.
    """
    if certificate is None and key is None and ca is None:
        return None
    if certificate is None or key is None:
        raise click.UsageError(
            "--tls-cert and --tls-key belong together, and --client-ca needs both",
            click.get_current_context(),
        )
    try:
        return server_context(certificate, key, client_ca=ca)
    except OSError as error:
        raise click.UsageError(f"TLS: {error}", click.get_current_context()) from error


def _signature(secret: Path | None) -> Signature | None:
    if secret is None:
        return None
    try:
        return Signature(*(read_secret(each) for each in secret.read_text("ascii").split()))
    except (OSError, ValueError) as error:
        raise click.BadParameter(
            f"{secret}: {error}", click.get_current_context(), param_hint="--signing-secret"
        ) from error

"""Options of commands that dial out to a collector."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import click

from mnstream.adapters.cli.command import Number
from mnstream.adapters.cli.serving import FILE, check_target, client_tls
from mnstream.core.profiles import PROFILES, Profile
from mnstream.core.streaming.config import ProducerConfig

SECONDS_MAX = 10**9
"""Thirty years: what is to last longer lasts for ever."""
Main = Callable[..., int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialling:
    """How a collector is reached.

    Attributes:
        target: Its root; a capture for some transports.
        profile: Reading of the standard.
        config: Limits and times of the core.
    """

    target: str
    profile: Profile
    config: ProducerConfig
    _tls_files: tuple[Path | None, Path | None, Path | None]
    _insecure: bool

    def check(self) -> None:
        """Refuse a target that is no URL, and plain HTTP beyond this machine.

        Raises:
            click.UsageError: It is one of them.
        """
        check_target("--target", self.target, insecure=self._insecure)

    def tls(self) -> ssl.SSLContext | None:
        """Make the context for a target that needs one.

        Raises:
            click.UsageError: A file is not what it should be.
        """
        return client_tls(*self._tls_files) if self.target.startswith("https:") else None


def dialling_options(target: str) -> Callable[[Main], Main]:
    """Give a command the options of one that dials; it gets them as ``dialling``.

    Args:
        target: Help of ``--target``.
    """

    def decorate(main: Main) -> Main:
        @click.option("--target", required=True, metavar="URL", help=target)
        @click.option(
            "--profile",
            type=click.Choice(sorted(PROFILES)),
            default="rel19",
            show_default=True,
            help="Reading of the standard where it contradicts itself.",
        )
        @click.option("--tls-ca", type=FILE, help="Roots of the collector's certificate, PEM.")
        @click.option("--tls-cert", type=FILE, help="Our certificate for mutual TLS, PEM.")
        @click.option("--tls-key", type=FILE, help="Its private key, PEM.")
        @click.option("--insecure", is_flag=True, help="Allow plain HTTP beyond this machine.")
        @click.option(
            "--give-up",
            type=Number(0, SECONDS_MAX),
            default=60.0,
            show_default=True,
            metavar="SECONDS",
            help="How long to go on without a connection; 0 for ever.",
        )
        @wraps(main)
        def with_dialling(
            *,
            target: str,
            profile: str,
            tls_ca: Path | None,
            tls_cert: Path | None,
            tls_key: Path | None,
            insecure: bool,
            give_up: float,
            **options: object,
        ) -> int:
            dialling = Dialling(
                target=target,
                profile=PROFILES[profile],
                config=ProducerConfig(give_up_ms=round(give_up * 1000)),
                _tls_files=(tls_ca, tls_cert, tls_key),
                _insecure=insecure,
            )
            return main(dialling=dialling, **options)

        return with_dialling

    return decorate

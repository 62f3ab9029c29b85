"""Certificates of the contract suites."""

from tests.contracts.conftest import tls_contexts

__all__ = ["tls_contexts"]

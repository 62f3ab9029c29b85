"""Captures as wholes: two compared, and one reckoned up."""

from mnstream.adapters.captures.comparison import Comparison, Difference
from mnstream.adapters.captures.ledger import Ledger, StreamLedger
from mnstream.adapters.captures.reckoning import (
    BadSummary,
    Reckoning,
    Summary,
    read_summary,
    reckon,
)

__all__ = [
    "BadSummary",
    "Comparison",
    "Difference",
    "Ledger",
    "Reckoning",
    "StreamLedger",
    "Summary",
    "read_summary",
    "reckon",
]

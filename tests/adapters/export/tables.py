"""Parquet files, read back."""

from typing import Any

from mnstream.adapters.export.arrow import load_arrow


def read_table(source: object) -> Any:
    """Give the Arrow table; none of its methods has types."""
    return load_arrow().pq.read_table(source)

"""Copies of a log for other tools: JSON Lines, CSV, Parquet, and captures of a single file."""

from mnstream.adapters.export.arrow import NotInstalled
from mnstream.adapters.export.exporting import (
    FORMATS,
    BadExport,
    ExportConfig,
    ExportSummary,
    Selection,
    export_log,
)

__all__ = [
    "FORMATS",
    "BadExport",
    "ExportConfig",
    "ExportSummary",
    "NotInstalled",
    "Selection",
    "export_log",
]

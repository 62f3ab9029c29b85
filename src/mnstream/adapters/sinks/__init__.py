"""Copies of what the log holds, for other tools: readers with durable cursors."""

from mnstream.adapters.sinks.feed import FeedConfig, FollowedLog, SinkFeed
from mnstream.adapters.sinks.json_lines import json_lines, unit_json
from mnstream.adapters.sinks.json_lines_file import JsonLinesFile
from mnstream.adapters.sinks.kinds import KINDS, BadSink, SinkFactory, SinkKind, parse_sink

__all__ = [
    "KINDS",
    "BadSink",
    "FeedConfig",
    "FollowedLog",
    "JsonLinesFile",
    "SinkFactory",
    "SinkFeed",
    "SinkKind",
    "json_lines",
    "parse_sink",
    "unit_json",
]

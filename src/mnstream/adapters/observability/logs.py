"""Logging for people at a terminal and for programs that collect it, without secrets in it."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Literal, TextIO

from mnstream.adapters.observability.redaction import MASK, is_secret_name, redact

LogFormat = Literal["text", "json"]

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes that every record has; what else is there came by ``extra``."""
_OURS: Final = ("mnstream.adapters.", "mnstream.")
_CONTROL: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
}
_CONTROL_IN_LINES: Final = {
    code: text for code, text in _CONTROL.items() if code not in (ord("\n"), ord("\t"))
}


class RedactingFilter(logging.Filter):
    """Takes secrets out of records, for handlers of applications that embed this library.

    The message, its arguments, the text of an exception and extra fields are replaced in the
    record, which other handlers then see redacted as well.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record and let it pass."""
        record.msg = redact(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = _PLAIN.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        for name, value in _extra(record).items():
            setattr(record, name, value)
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, then extra fields, then exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record; values of extra fields that JSON does not know become their ``repr``."""
        fields: dict[str, object] = {
            "time": _time_text(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        for name, value in _extra(record).items():
            fields.setdefault(name, value)
        exception = _exception_text(self, record)
        if exception:
            fields["exception"] = exception
        return json.dumps(fields, default=lambda value: redact(repr(value)))


class TextFormatter(logging.Formatter):
    """One line a record, for people: time, level, where, what, extra fields; then a traceback.

    Control characters, which may come from a peer, are escaped: they neither begin a line that
    looks like a record nor reach the terminal.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        where = record.name
        for prefix in _OURS:
            where = where.removeprefix(prefix)
        extra = "".join(f" {name}={value}" for name, value in _extra(record).items())
        message = f"{redact(record.getMessage())}{extra}".translate(_CONTROL)
        line = f"{_time_text(record.created)} {record.levelname:<7} {where}: {message}"
        exception = _exception_text(self, record)
        return f"{line}\n{exception}" if exception else line


_PLAIN = logging.Formatter()
_FORMATTERS: Mapping[LogFormat, Callable[[], logging.Formatter]] = {
    "text": TextFormatter,
    "json": JsonFormatter,
}


class _OurHandler(logging.StreamHandler[TextIO]):
    """The handler that ``configure_logging`` put in place and may replace."""


def configure_logging(
    format: LogFormat = "text",  # noqa: A002 - the name of the option
    level: str | int = "info",
    *,
    stream: TextIO | None = None,
) -> None:
    """Send everything that is logged in this process to standard error, without secrets.

    For programs, not for libraries: it changes the root logger. Calling it again replaces what
    the call before did; handlers of others stay.

    Args:
        format: "text" or "json".
        level: What is less important than this is dropped: "debug", "info", "warning", ..., or a
            number of the module ``logging``.
        stream: Another place than standard error.

    Raises:
        ValueError: There is no such format or level; nothing changed.
    """
    if format not in _FORMATTERS:
        raise ValueError(f"there is no log format {format!r}, only 'text' and 'json'")
    number = level if isinstance(level, int) else _level_number(level)
    handler = _OurHandler(stream or sys.stderr)
    handler.setFormatter(_FORMATTERS[format]())
    root = logging.getLogger()
    for other in root.handlers[:]:
        if isinstance(other, _OurHandler):
            root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(number)


def _level_number(level: str) -> int:
    known = logging.getLevelNamesMapping()
    number = known.get(level.upper())
    if number is None:
        names = ", ".join(name.lower() for name in known)
        raise ValueError(f"there is no log level {level!r}, only {names}")
    return number


def _extra(record: logging.LogRecord) -> dict[str, object]:
    """Give the fields that came by ``extra``, redacted."""
    found: dict[str, object] = {}
    for name, value in vars(record).items():
        if name in _STANDARD:
            continue
        if is_secret_name(name):
            found[name] = MASK
        else:
            found[name] = value if isinstance(value, bool | int | float | None) else _text(value)
    return found


def _text(value: object) -> str:
    return redact(value if isinstance(value, str) else repr(value))


def _exception_text(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts: list[str] = []
    if record.exc_text:
        parts.append(record.exc_text)
    elif record.exc_info:
        parts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return redact("\n".join(parts)).translate(_CONTROL_IN_LINES)


def _time_text(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

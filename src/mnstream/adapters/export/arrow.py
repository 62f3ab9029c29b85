"""The libraries of the extra ``parquet``, imported when somebody wants a Parquet file.

None of them has types, so everything of them is ``Any`` behind here.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from mnstream.core.errors import MnSError


class NotInstalled(MnSError):
    """A library is missing; the text says what to install."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """The modules.

    Attributes:
        pa: ``pyarrow``.
        pc: ``pyarrow.compute``.
        pq: ``pyarrow.parquet``.
        ptars: ``ptars``, which reads protobuf into Arrow.
    """

    pa: Any
    pc: Any
    pq: Any
    ptars: Any


def load_arrow() -> Arrow:
    """Import them.

    Raises:
        NotInstalled: One of them is missing.
    """
    try:
        names = ("pyarrow", "pyarrow.compute", "pyarrow.parquet", "ptars")
        return Arrow(*map(import_module, names))
    except ImportError as error:
        raise NotInstalled(
            f'Parquet needs {error.name or "a library"}: pip install "mnstream[parquet]"'
        ) from error

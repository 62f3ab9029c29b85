"""The second reading of the lifecycle tables: for diagrams, for tests, for other tools.

Nothing here steps the running system; that does the core, with the same tables.
"""

from mnstream.adapters.statecharts.machine import (
    LifecycleMachine,
    LifecycleTransition,
    Recorder,
    machine,
    trigger_name,
)
from mnstream.adapters.statecharts.mermaid import mermaid
from mnstream.adapters.statecharts.promela import promela
from mnstream.adapters.statecharts.tables import COLUMNS, heading, json_value, table, table_rows

__all__ = [
    "COLUMNS",
    "LifecycleMachine",
    "LifecycleTransition",
    "Recorder",
    "heading",
    "json_value",
    "machine",
    "mermaid",
    "promela",
    "table",
    "table_rows",
    "trigger_name",
]

"""Frames of performance data in GPB, read by ptars into Arrow.

The schema is our own, of what rows need and with our names; a sub-counter stays the bytes that it
came in, which halves the time.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool

from mnstream.adapters.export.arrow import Arrow

_PDSU = (
    # message, fields: name, number, type, whether it is repeated (TS 28.550 Annex I)
    (
        "Value",
        (("i", 1, "INT64", 0), ("r", 2, "DOUBLE", 0), ("s", 3, "STRING", 0), ("c", 4, "BYTES", 0)),
    ),
    ("Time", (("seconds", 1, "INT64", 0), ("nanos", 2, "INT32", 0))),
    (
        "Unit",
        (
            ("id", 1, "INT64", 0),
            ("t", 2, "Time", 0),
            ("std", 3, "Value", 1),
            ("ven", 4, "Value", 1),
        ),
    ),
    ("Units", (("pdsu", 1, "Unit", 1),)),
)


def make_reader(arrow: Arrow) -> Any:
    """Make the ptars handler that reads a list of frames."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="mnstream_rows.proto", package="mnstream.rows", syntax="proto3"
    )
    for name, fields in _PDSU:
        message = file.message_type.add(name=name)
        one_of = name == "Value"
        if one_of:
            message.oneof_decl.add(name="value")
        for each, number, kind, is_repeated in fields:
            described = message.field.add(name=each, number=number)
            described.label = kinds.LABEL_REPEATED if is_repeated else kinds.LABEL_OPTIONAL
            if kind.isupper():
                described.type = kinds.Type.Value(f"TYPE_{kind}")
            else:
                described.type = kinds.TYPE_MESSAGE
                described.type_name = f".mnstream.rows.{kind}"
            if one_of:
                described.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    described_file = pool.FindFileByName(file.name)
    handlers = arrow.ptars.HandlerPool([described_file])
    return handlers.get_for_message(described_file.message_types_by_name["Units"])

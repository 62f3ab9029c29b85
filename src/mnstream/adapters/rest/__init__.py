"""Operations of streaming data reporting as HTTP messages, and back (TS 28.532 12.5.1).

Nothing here does I/O. A producer writes requests with ``encode_request`` and reads answers with
``decode_outcome`` and ``decode_refusal``; a consumer reads requests with ``decode_request`` and
writes answers with ``encode_outcome`` and ``encode_problem``. What one side writes, the other side
reads as the same value. The names of the OpenAPI files are written, every spelling of the standard
is read.
"""

from mnstream.adapters.rest.answers import decode_outcome, decode_refusal
from mnstream.adapters.rest.decode import connection_of_upgrade, decode_request, is_upgrade
from mnstream.adapters.rest.encode import encode_outcome, encode_problem, encode_request
from mnstream.adapters.rest.limits import RestLimits
from mnstream.adapters.rest.messages import Call, HttpProblem, HttpRequest, HttpResponse, Shape
from mnstream.adapters.rest.stream_info import decode_stream_info, encode_stream_info
from mnstream.adapters.rest.uris import connection_path, is_authority, root_of

__all__ = [
    "Call",
    "HttpProblem",
    "HttpRequest",
    "HttpResponse",
    "RestLimits",
    "Shape",
    "connection_of_upgrade",
    "connection_path",
    "decode_outcome",
    "decode_refusal",
    "decode_request",
    "decode_stream_info",
    "encode_outcome",
    "encode_problem",
    "encode_request",
    "encode_stream_info",
    "is_authority",
    "is_upgrade",
    "root_of",
]

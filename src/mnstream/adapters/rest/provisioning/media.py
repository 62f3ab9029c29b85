"""Media types of provisioning: what may be answered, and what a body is (TS 32.158 4.3)."""

from __future__ import annotations

import re

from mnstream.adapters.rest.messages import JSON_TYPE, HttpRequest
from mnstream.adapters.rest.provisioning.problems import Refusal

HIERARCHICAL_TYPE = "application/vnd.3gpp.object-tree-hierarchical+json"
FLAT_TYPE = "application/vnd.3gpp.object-tree-flat+json"
ANSWER_TYPES = (JSON_TYPE, HIERARCHICAL_TYPE, FLAT_TYPE)
"""What can be answered, the preferred type first."""
BODY_TYPES = (JSON_TYPE, HIERARCHICAL_TYPE)
"""What PUT and POST take."""

MERGE_PATCH_TYPES = (
    "application/merge-patch+json",
    "application/3gpp-merge-patch+json",
    "application/vnd.3gpp.merge-patch+json",
)
JSON_PATCH_TYPES = (
    "application/json-patch+json",
    "application/3gpp-json-patch+json",
    "application/vnd.3gpp.json-patch+json",
)
PATCH_TYPES = (*MERGE_PATCH_TYPES, *JSON_PATCH_TYPES)
"""What PATCH takes: those of the IETF, and those of 3GPP as the YAML and as the text spell them."""

_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


def addresses_children(media_type: str) -> bool:
    """Tell whether a patch may be about objects below its target, as those of 3GPP may."""
    return "3gpp" in media_type


def answer_type(accept: str | None) -> str:
    """Choose the type of an answer (RFC 9110 12.5.1): the most specific range decides for each.

    Raises:
        Refusal: 406, nothing that is acceptable can be answered.
    """
    if accept is None or not accept.strip():
        return JSON_TYPE
    weights: dict[str, float] = {}
    for item in accept.split(","):
        media_range, *parameters = (part.strip().lower() for part in item.split(";"))
        weights[media_range] = max(_weight(parameters), weights.get(media_range, 0.0))
    chosen = max(ANSWER_TYPES, key=lambda offered: _acceptance(offered, weights))
    if not _acceptance(chosen, weights):
        raise Refusal(406, f"answers are {', '.join(ANSWER_TYPES)}")
    return chosen


def body_type(
    request: HttpRequest, allowed: tuple[str, ...], *, header: str, default: str = ""
) -> str:
    """Return the type of a body; ``default`` is that of one that does not say.

    Raises:
        Refusal: 415; ``header`` of the answer tells what is allowed.
    """
    coding = (request.header("Content-Encoding") or "identity").strip().lower()
    if coding != "identity":
        refused = "the body has to come without a content coding"
        raise Refusal(415, refused, headers=(("Accept-Encoding", "identity"),))
    content_type = request.header("Content-Type")
    media_type = (content_type or default).partition(";")[0].strip().lower()
    if media_type not in allowed:
        names = ", ".join(allowed)
        raise Refusal(415, f"the body has to be {names}", headers=((header, names),))
    return media_type


def _acceptance(offered: str, weights: dict[str, float]) -> float:
    for media_range in (offered, "application/*", "*/*"):
        if media_range in weights:
            return weights[media_range]
    return 0.0


def _weight(parameters: list[str]) -> float:
    """Read ``q``; 1 when there is none or it is no weight."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q" and _WEIGHT.fullmatch(value.strip()):
            return float(value)
    return 1.0

"""Provisioning of subscriptions as HTTP messages (TS 28.532 12.1.1; TS 32.158), producer's side.

Nothing here does I/O: paths, queries, bodies and patches are read, objects and failures written.
``adapters/runtime/provisioning.py`` puts it in front of a ``SubscriptionService``.
"""

from mnstream.adapters.rest.provisioning.limits import ProvisioningLimits
from mnstream.adapters.rest.provisioning.media import PATCH_TYPES
from mnstream.adapters.rest.provisioning.problems import Refusal, problem_response, refusal_of
from mnstream.adapters.rest.provisioning.resources import (
    RawArray,
    Resource,
    write_flat,
    write_hierarchical,
)
from mnstream.adapters.rest.provisioning.targets import Kind, Target, locate

__all__ = [
    "PATCH_TYPES",
    "Kind",
    "ProvisioningLimits",
    "RawArray",
    "Refusal",
    "Resource",
    "Target",
    "locate",
    "problem_response",
    "refusal_of",
    "write_flat",
    "write_hierarchical",
]

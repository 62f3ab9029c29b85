"""Where stage 2, the tables and the YAML disagree: one named choice each (ARCHITECTURE.md 7).

A profile is data. The core reads what decides, ``adapters/rest`` reads what is spelled. Every
field is a row of `specs/contradictions.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One consistent reading of the standard.

    Attributes:
        name: What ``--profile`` takes.
        comma_arrays: Write query arrays as ``a,b`` (Rel-19) instead of repeating the parameter;
            both are read.
        accept_aliases: Read the stage 2 and table spellings beside the YAML's.
        accept_unknown_members: Ignore members that the YAML does not know instead of refusing the
            request.
        partial_delete: Delete what is known and answer PartialSuccess, instead of all or nothing.
        allow_no_streams: Let a connection be established without streams.
        require_additional_info: Refuse TRACE, ANALYTICS and PROPRIETARY streams without their
            type-specific part.
        close_on_unknown_stream: Close the channel (1008) at data of a stream that was not
            announced, instead of putting the frame into quarantine.
        close_on_undecodable: Close the channel (1007) at a payload that its format does not
            explain, instead of putting the frame into quarantine.
    """

    name: str
    comma_arrays: bool = True
    accept_aliases: bool = True
    accept_unknown_members: bool = True
    partial_delete: bool = False
    allow_no_streams: bool = False
    require_additional_info: bool = False
    close_on_unknown_stream: bool = False
    close_on_undecodable: bool = False


REL19 = Profile(name="rel19")
REL18 = Profile(name="rel18", comma_arrays=False)
REL16 = replace(REL18, name="rel16")
STRICT = Profile(
    name="strict",
    accept_aliases=False,
    accept_unknown_members=False,
    require_additional_info=True,
    close_on_unknown_stream=True,
    close_on_undecodable=True,
)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {profile.name: profile for profile in (REL16, REL18, REL19, STRICT)}
)
"""Every profile by its name."""

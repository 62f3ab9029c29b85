"""Where stage 2, the tables and the YAML disagree: one named choice each (ARCHITECTURE.md 7).

A profile is data. The core reads what decides, ``adapters/rest`` reads what is spelled. Every
field is a row of `specs/contradictions.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
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


class Announcement(Enum):
    """How a producer says that notifications were not prepared (part 3a of the study)."""

    NOT_SENT = "notifyNotificationNotSent"
    """The study's own notification."""
    REL19 = "notifyPotentialFaultyDataNodeTree, notifyPotentialFaultyAlarmList"
    """What TS 28.532 and TS 28.111 have for it since Rel-19 (`specs/contradictions.md` 37)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationProfile:
    """One consistent reading of what the standard says about notifications.

    Attributes:
        name: What ``--profile`` takes.
        announcement: How a producer says that notifications were not prepared.
        tell_epoch: Put the extension ``epoch`` into every notification.
        persist_numbers: Continue the numbers over a restart, against the study's words.
        administrative_state: Whether NtfSubscriptionControl has administrativeState, and is LOCKED
            unless its consumer says otherwise (CR-0625, Rel-20).
        delete_answers_204: Answer DELETE with 204 (TS 32.158, Rel-19) instead of 200.
        error_info_only: Write failures as ``{"error": {"errorInfo": TEXT}}`` (up to 18.1).
        strict: Refuse members and attributes that the YAML does not have.
    """

    name: str
    announcement: Announcement = Announcement.NOT_SENT
    tell_epoch: bool = True
    persist_numbers: bool = False
    administrative_state: bool = False
    delete_answers_204: bool = True
    error_info_only: bool = False
    strict: bool = False


SEED = NotificationProfile(name="seed")

NOTIFICATION_PROFILES: Mapping[str, NotificationProfile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            SEED,
            replace(SEED, name="persist", persist_numbers=True),
            replace(SEED, name="rel16", delete_answers_204=False, error_info_only=True),
            replace(SEED, name="rel18", delete_answers_204=False, error_info_only=True),
            replace(SEED, name="rel19", announcement=Announcement.REL19),
            replace(
                SEED,
                name="rel20",
                announcement=Announcement.REL19,
                administrative_state=True,
            ),
            replace(SEED, name="strict", tell_epoch=False, strict=True),
        )
    }
)
"""Every profile of the notification services by its name."""

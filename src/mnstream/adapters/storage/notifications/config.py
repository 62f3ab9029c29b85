"""Settings of a store of notifications."""

from __future__ import annotations

from dataclasses import dataclass

from mnstream.adapters.storage.segments import Durability


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationStoreConfig:
    """Settings of a store of notifications. What is beyond a limit goes, the oldest first.

    Attributes:
        durability: What a commit survives.
        notifications_max: Notifications of one subscription. 1,000,000: ten times what a core
            lets wait. Octets and age usually end earlier.
        bytes_max: Octets of all notifications, each counted once however many share it.
        age_max_s: Age since it was stored, whatever its eventTime. 7 days: a consumer that was
            away over a weekend, and more.
        epochs_max: Epochs known of one subscription. 1,000: a restart a day for years.
        recent_bytes: Octets of notifications that are kept in memory as well, at least half of it
            the newest ones. 16 MiB: those of the last seconds, which are being delivered.
        batch_numbers_max: Numbers that are written in one transaction. 20,000: a fifth of a second.
        batch_bytes_max: Octets that are written in one transaction, and those of one more.
        retry_initial_ms: Pause after the disk refused; doubled each time.
        retry_max_ms: Longest pause.
        idle_ms: How often the age is looked at when nothing is written.
    """

    durability: Durability = Durability.FSYNC
    notifications_max: int = 1_000_000
    bytes_max: int = 1 << 30
    age_max_s: int = 7 * 86_400
    epochs_max: int = 1_000
    recent_bytes: int = 16 << 20
    batch_numbers_max: int = 20_000
    batch_bytes_max: int = 8 << 20
    retry_initial_ms: int = 100
    retry_max_ms: int = 5_000
    idle_ms: int = 60_000

"""Every limit and every time of the two sides, with its unit and the reason for its default."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationProducerConfig:
    """Limits and times of a producer of notifications. The standard names none of them.

    Attributes:
        subscriptions_max: Subscriptions at the same time.
        unstored_max: Notifications that were given to the store and are not durable yet. Beyond
            that the producer is overloaded: it prepares no more, and says so once it has caught up
            with half of it (part 3). 20,000 are half a second of a store on a plain disk.
        pending_max: Notifications of one subscription that wait to be delivered; beyond that the
            older half is passed over and left to be fetched. Each costs 40 bytes.
        identifier_chars_max: Length of identifiers.
        text_chars_max: Length of addresses, filters and types.
        types_max: Notification types of one subscription.
        post_timeout_ms: How long a recipient may take to answer; webhooks commonly get 15 to 30 s.
        attempts_max: How often one notification is tried before the next gets its turn.
        back_off_initial_ms: Upper bound of the pause after the first failure.
        back_off_max_ms: Upper bound of every pause, also of one that the recipient asks for.
        ending_timeout_ms: How long a deleted subscription may take to deliver what is left; whoever
            deletes it waits for that.
    """

    subscriptions_max: int = 1_000
    unstored_max: int = 20_000
    pending_max: int = 100_000
    identifier_chars_max: int = 255
    text_chars_max: int = 4_096
    types_max: int = 256
    post_timeout_ms: int = 30_000
    attempts_max: int = 4
    back_off_initial_ms: int = 500
    back_off_max_ms: int = 30_000
    ending_timeout_ms: int = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationConsumerConfig:
    """Limits and times of a consumer of notifications.

    Attributes:
        reorder_wait_ms: How long a hole may close by itself; notifications that overtake each other
            on two connections are rarely further apart.
        buffer_max: Notifications that are kept because something before them is missing, or because
            the application is slow; those beyond are dropped and fetched when their turn comes.
        fetch_max: Notifications asked for at once, so that an answer stays small.
        fetch_timeout_ms: How long the producer may take to answer.
        fruitless_max: How often in a row the producer may answer without giving what it claims to
            have before that is declared lost, or deny what was heard of before that is believed.
        refusals_max: How often in a row the producer may answer something else than notifications
            before they are declared lost; with the pauses below 20 last for some minutes. A
            producer that does not answer at all is asked for ever: it may come back with them.
        back_off_initial_ms: Upper bound of the pause after a failed fetch.
        back_off_max_ms: Upper bound of every pause.
    """

    reorder_wait_ms: int = 500
    buffer_max: int = 10_000
    fetch_max: int = 500
    fetch_timeout_ms: int = 30_000
    fruitless_max: int = 5
    refusals_max: int = 20
    back_off_initial_ms: int = 500
    back_off_max_ms: int = 30_000

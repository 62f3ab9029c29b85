"""Where the standard contradicts itself: one named choice each (specs/contradictions.md)."""

from __future__ import annotations

import pytest

from mnstream.core.profiles import PROFILES, REL16, REL18, REL19, STRICT, Profile


def test_every_profile_is_found_by_its_name() -> None:
    assert list(PROFILES) == ["rel16", "rel18", "rel19", "strict"]
    assert all(profile.name == name for name, profile in PROFILES.items())


@pytest.mark.parametrize(
    ("profile", "comma_arrays"), [(REL16, False), (REL18, False), (REL19, True), (STRICT, True)]
)
def test_arrays_are_written_as_the_release_writes_them(
    profile: Profile, comma_arrays: bool
) -> None:
    assert profile.comma_arrays is comma_arrays


@pytest.mark.parametrize("profile", [REL16, REL18, REL19])
def test_the_releases_accept_every_form_and_keep_channels_open(profile: Profile) -> None:
    assert profile.accept_aliases
    assert profile.accept_unknown_members
    assert not profile.close_on_unknown_stream
    assert not profile.close_on_undecodable
    assert not profile.require_additional_info


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_every_profile_is_atomic_and_wants_streams(profile: Profile) -> None:
    assert not profile.partial_delete
    assert not profile.allow_no_streams


def test_strict_takes_the_yaml_by_its_word() -> None:
    assert not STRICT.accept_aliases
    assert not STRICT.accept_unknown_members
    assert STRICT.close_on_unknown_stream
    assert STRICT.close_on_undecodable
    assert STRICT.require_additional_info

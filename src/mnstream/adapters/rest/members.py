"""Members of a JSON object under all the names that the standard gives them."""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

from mnstream.adapters.rest.json_text import Unreadable
from mnstream.core.profiles import Profile
from mnstream.core.values import Json

_E = TypeVar("_E", bound=Enum)


class Members:
    """Reader of one object; each member is asked for under its YAML name, then its aliases.

    A profile with aliases also takes null for an absent member, as several serialisers write it.
    Every method raises ``Unreadable`` when a member is not what it is asked for.
    """

    def __init__(self, value: Json, profile: Profile, what: str) -> None:
        """Refuse what is no object; ``what`` names it in reasons."""
        if not isinstance(value, dict):
            raise Unreadable(f"{what} is not an object")
        self._members = value
        self._profile = profile
        self._unread = set(value)
        self._what = what

    def any_of(self, *names: str) -> bool:
        """Tell whether at least one is there, without counting it as read."""
        return any(self._members.get(name) is not None for name in names)

    def find(self, name: str, *aliases: str) -> Json:
        """Return a value, None when absent."""
        names = (name, *aliases) if self._profile.accept_aliases else (name,)
        found = [each for each in names if each in self._members]
        self._unread.difference_update(found)
        if len(found) > 1:
            raise Unreadable(f"{found[0]} and {found[1]} are the same member")
        value = self._members[found[0]] if found else None
        if found and value is None and not self._profile.accept_aliases:
            raise Unreadable(f"{name} is null")
        return value

    def get(self, name: str, *aliases: str) -> Json:
        """Return a value that must be there."""
        value = self.find(name, *aliases)
        if value is None:
            raise Unreadable(f"{name} is missing")
        return value

    def optional_text(self, name: str, *aliases: str) -> str | None:
        """Return a string, None when absent."""
        value = self.find(name, *aliases)
        if value is not None and not isinstance(value, str):
            raise Unreadable(f"{name} is not a string")
        return value

    def text(self, name: str, *aliases: str) -> str:
        """Return a string that must be there."""
        value = self.get(name, *aliases)
        if not isinstance(value, str):
            raise Unreadable(f"{name} is not a string")
        return value

    def texts(self, name: str, *aliases: str) -> tuple[str, ...]:
        """Return an array of strings that must be there."""
        value = self.get(name, *aliases)
        if not isinstance(value, list):
            raise Unreadable(f"{name} is not an array")
        texts = tuple(item for item in value if isinstance(item, str))
        if len(texts) != len(value):
            raise Unreadable(f"{name} has an item that is not a string")
        return texts

    def optional_choice(self, kind: type[_E], name: str) -> _E | None:
        """Return an enumerator by its value, None when absent."""
        text = self.optional_text(name)
        if text is None:
            return None
        try:
            return kind(text)
        except ValueError as problem:
            known = ", ".join(str(each.value) for each in kind)
            raise Unreadable(f"{name} is none of {known}") from problem

    def choice(self, kind: type[_E], name: str) -> _E:
        """Return an enumerator that must be there."""
        value = self.optional_choice(kind, name)
        if value is None:
            raise Unreadable(f"{name} is missing")
        return value

    def finish(self) -> None:
        """Refuse members that nobody asked for, when the profile says so."""
        if self._unread and not self._profile.accept_unknown_members:
            raise Unreadable(f"{self._what} has the unknown member {min(self._unread)}")

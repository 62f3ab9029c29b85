"""XPath 1.0 as words (clause 3.7), as far as limits have to be known before lxml sees them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mnstream.core.errors import InvalidFilter

CHARS_MAX: Final = 4_096
TOKENS_MAX: Final = 512

NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML, and so XPath, does not have."""

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<string>"[^"]*"|'[^']*')
    |(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)
    |(?P<name>[^\W\d][\w.-]*)
    |(?P<sign>::|//|\.\.|!=|<=|>=|[][()@,./|+=<>*-]))""",
    re.VERBOSE,
)
_STRING: Final = re.compile(r""""[^"]*"|'[^']*'""")
_JEX: Final = re.compile(r"==|&&|\|\||!(?!=)|\$|^\s*[{\[]")
_OPERATORS: Final = frozenset({"and", "or", "div", "mod"})
_OPERANDS_END: Final = frozenset({")", "]", ".", ".."})


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A ``string`` (with its quotes), ``number``, ``name``, ``sign``, ``operator`` or the ``end``.

    ``*`` is a name where it stands for any name, and an operator where it multiplies.
    """

    kind: str
    text: str

    @property
    def is_literal(self) -> bool:
        """Whether it is a string or a number."""
        return self.kind in {"string", "number"}

    @property
    def ends_operand(self) -> bool:
        """Whether an operator may follow, and not a name (clause 3.7)."""
        return self.is_literal or self.kind == "name" or self.text in _OPERANDS_END


def tokens_of(text: str) -> list[Token]:
    """Cut an expression; two words of kind ``end`` come last.

    Raises:
        InvalidFilter: It is too long, has something that is no XPath 1.0, or looks like Jex.
    """
    if len(text) > CHARS_MAX:
        raise InvalidFilter(f"longer than {CHARS_MAX} characters")
    if (strange := NOT_XML.search(text)) is not None:
        raise InvalidFilter(f"XML has no character {strange[0]!r}")
    if not text.strip():
        raise InvalidFilter("empty")
    if _JEX.search(_STRING.sub("''", text)):
        raise InvalidFilter(
            "this looks like Jex conditions (TS 32.161), which are not supported: write XPath 1.0"
        )
    found: list[Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            rest = text[position : position + 20].strip()
            raise InvalidFilter(f"not XPath 1.0 at column {position + 1}: {rest!r}")
        kind = match.lastgroup or ""
        token = _in_place(kind, match[kind], found[-1] if found else None)
        if token.kind == "name" and found and found[-1].kind == "number":
            # libxml2 reads 1e5 as a number, which XPath 1.0 does not have.
            raise InvalidFilter(f"unexpected {token.text[:20]!r} at column {match.start(kind) + 1}")
        found.append(token)
        if len(found) > TOKENS_MAX:
            raise InvalidFilter(f"more than {TOKENS_MAX} names, signs and values")
        position = match.end()
    return [*found, *[Token(kind="end", text="")] * 2]


def _in_place(kind: str, text: str, before: Token | None) -> Token:
    after_operand = before is not None and before.ends_operand
    if text == "*":
        kind = "operator" if after_operand else "name"
    elif kind == "name" and after_operand and text in _OPERATORS:
        kind = "operator"
    return Token(kind=kind, text=text)

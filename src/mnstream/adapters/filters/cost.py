"""What a filter may cost, known before it is evaluated: libxml2 cannot be stopped.

The cost of a filter is a polynomial of the size ``n`` of a notification, read off its words. A part
that is evaluated once for each of ``n`` nodes has a *level*: -1 for the filter itself, 0 in a
condition on nodes of a path, one more in each condition inside, and so ``n ** (level + 1)`` times.
What one evaluation costs is in the tables below. They are upper bounds: libxml2 joins the results
of two nodes by comparing each with each, compares two sets in the same way, and looks for the
place of a node among its siblings by going through them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from mnstream.adapters.filters.tokens import TOKENS_MAX, Token
from mnstream.core.errors import InvalidFilter

DEPTH_MAX: Final = 16
"""Brackets inside each other: conditions that people write have 3."""
COST_MAX: Final = 20_000_000
"""Of one evaluation; the worst filters that were found take 0.15 s then (2026, one core)."""
SIZE_ORDINARY: Final = 100
"""A filter must be able to decide about notifications of this size; an alarm has about 30."""

# Least and most arguments. Left out are id, lang and namespace-uri: a notification has none of what
# they are about. libxml2 would find out only when it comes to them.
_FUNCTIONS: Final[dict[str, tuple[int, int]]] = {
    "boolean": (1, 1),
    "ceiling": (1, 1),
    "concat": (2, TOKENS_MAX),
    "contains": (2, 2),
    "count": (1, 1),
    "false": (0, 0),
    "floor": (1, 1),
    "last": (0, 0),
    "local-name": (0, 1),
    "name": (0, 1),
    "normalize-space": (0, 1),
    "not": (1, 1),
    "number": (0, 1),
    "position": (0, 0),
    "round": (1, 1),
    "starts-with": (2, 2),
    "string": (0, 1),
    "string-length": (0, 1),
    "substring": (2, 3),
    "substring-after": (2, 2),
    "substring-before": (2, 2),
    "sum": (1, 1),
    "translate": (3, 3),
    "true": (0, 0),
}
_SEARCHES: Final = frozenset({"contains", "substring-after", "substring-before", "translate"})
_NODE_TYPES: Final = frozenset({"node", "text", "comment", "processing-instruction"})
_COMPARISONS: Final = frozenset({"=", "!=", "<", "<=", ">", ">="})

# Power and level, both on top of the level of the path: for a step from one node, and from many.
_PARENT: Final = ((2, 1), (3, 1))
_DOWN: Final = ((2, 1), (4, 2))
_ASIDE: Final = ((3, 1), (4, 2))
_WIDE: Final = {
    "parent": _PARENT,
    "descendant": _DOWN,
    "descendant-or-self": _DOWN,
    "ancestor": _ASIDE,
    "ancestor-or-self": _ASIDE,
    "following": _ASIDE,
    "following-sibling": _ASIDE,
    "preceding": _ASIDE,
    "preceding-sibling": _ASIDE,
}
# Weights. One is about 5 ns, which is more than joining two nodes takes.
_VISITED: Final = 25
"""Of a node that a step, a condition or a function comes to, with its text."""
_COMPARED: Final = 8
"""Of two texts of two sets."""
_FOUND: Final = 20
"""Of each character that is looked for in a text."""
_SEARCHED: Final = 256
"""Of a text that is looked for in another: each character may be compared with each."""
_JOINED: Final = 5
"""Of a text that concat copies once more for each argument that follows."""


class Cost:
    """What a filter costs."""

    __slots__ = ("_powers",)

    def __init__(self, powers: Mapping[int, int]) -> None:
        """Take the weight of each power of the size."""
        self._powers = tuple(powers.items())

    def of(self, size: int) -> int:
        """Say what one evaluation costs at most on a notification of that size."""
        return sum(weight * size**power for power, weight in self._powers)


class _Brackets:
    """What is between two brackets, and the path that is being read there."""

    __slots__ = ("arguments", "closed_by", "function", "level", "literals", "many", "one", "within")

    def __init__(self, level: int, closed_by: str, function: str = "") -> None:
        self.level = level
        self.closed_by = closed_by
        self.function = function
        self.arguments = 0
        self.literals: int | None = 0
        self.begin()

    def begin(self) -> None:
        """Begin a path at the present node; what comes may as well be no path."""
        self.one = True  # the step begins at one node for each evaluation
        self.many = False  # evaluations for different nodes may meet at the same nodes
        self.within = max(self.level, 0)  # level of conditions on the nodes reached so far


def cost_of(tokens: list[Token]) -> Cost:
    """Read the cost of an expression off its words.

    Raises:
        InvalidFilter: It costs too much for any use, its brackets do not match, or it calls a
            function that there is not.
    """
    cost = _Reader(tokens).read()
    if cost.of(SIZE_ORDINARY) > COST_MAX:
        raise InvalidFilter(
            "costs too much: conditions in conditions, // and axes go through the whole "
            "notification too often"
        )
    return cost


class _Reader:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._powers: defaultdict[int, int] = defaultdict(int)
        self._open = [_Brackets(-1, "")]
        self._axis = "child"
        # Only concat makes a text longer than the notification, by each of its arguments.
        concat = any(token.text == "concat" for token in tokens)
        self._texts = 1 + concat * sum(token.text == "," for token in tokens)

    def read(self) -> Cost:
        for index, token in enumerate(self._tokens):
            if token.kind == "name":
                self._name(token.text, self._tokens[index + 1].text)
            elif token.kind in {"sign", "operator"}:
                self._sign(index, token.text)
        if len(self._open) > 1:
            raise InvalidFilter(f"{self._open[-1].closed_by} is missing")
        return Cost(self._powers)

    def _name(self, name: str, following: str) -> None:
        if following == "::":
            self._axis = name
        elif following != "(" or name in _NODE_TYPES:
            self._step(self._axis)
        elif name not in _FUNCTIONS:
            raise InvalidFilter(f"there is no function {name}() here")

    def _sign(self, index: int, sign: str) -> None:
        brackets = self._open[-1]
        before = self._tokens[index - 1] if index else None
        match sign:
            case "/" | "//":
                if before is None or not before.ends_operand:
                    self._charge(brackets.level + 2, _VISITED)
                    brackets.begin()
                    brackets.many = True
                if sign == "//":
                    self._step("descendant-or-self")
            case "." | "..":
                self._step("self" if sign == "." else "parent")
            case "@":
                self._axis = "attribute"
            case "[":
                self._enter(_Brackets(brackets.within, "]"))
            case "(":
                named = before is not None and before.kind == "name"
                function = before.text if before is not None and named else ""
                self._enter(_Brackets(brackets.level, ")", function))
                if self._tokens[index + 1].text != ")":
                    self._open[-1].arguments = 1
            case ")" | "]":
                self._leave(sign)
            case "::":
                pass
            case _:
                self._operator(brackets, index, sign)

    def _operator(self, brackets: _Brackets, index: int, sign: str) -> None:
        if sign == ",":
            brackets.arguments += 1
            value, after = self._tokens[index + 1 : index + 3]
            if not value.is_literal or after.text not in {",", ")"}:
                brackets.literals = None
            elif brackets.literals is not None:
                brackets.literals += len(value.text)
        elif sign == "|":
            self._charge(brackets.level + 3, 1)
        elif sign in _COMPARISONS and not self._compares_literal(index):
            self._charge(brackets.level + 3, _COMPARED)
        brackets.begin()

    def _compares_literal(self, index: int) -> bool:
        value, after = self._tokens[index + 1 : index + 3]
        return (
            (index > 0 and self._tokens[index - 1].is_literal)
            or value.is_literal
            or (value.text in {"true", "false"} and after.text == "(")
        )

    def _step(self, axis: str) -> None:
        brackets, self._axis = self._open[-1], "child"
        level = brackets.level
        if axis in _WIDE:
            power, within = _WIDE[axis][0 if brackets.one else 1]
            brackets.many = True
        elif brackets.many:
            power, within = 2, 1
        else:
            # Each node has one parent: all steps down together reach each node once.
            level = max(level, 0)
            power, within = 1, 0
        # From many nodes, power 3 and more is the joining of what they come to.
        self._charge(level + power, 1 if power > 2 else _VISITED)  # noqa: PLR2004
        brackets.within = level + within
        brackets.one = brackets.one and axis == "self"

    def _enter(self, brackets: _Brackets) -> None:
        self._open.append(brackets)
        if len(self._open) > DEPTH_MAX + 1:
            raise InvalidFilter(f"more than {DEPTH_MAX} brackets inside each other")

    def _leave(self, sign: str) -> None:
        left = self._open.pop()
        if left.closed_by != sign:
            raise InvalidFilter(f"unexpected {sign!r}")
        if sign == "]" or left.function in _NODE_TYPES:
            return
        outer = self._open[-1]
        outer.one, outer.many, outer.within = False, True, outer.level + 1
        if not left.function:
            return
        least, most = _FUNCTIONS[left.function]
        if not least <= left.arguments <= most:
            raise InvalidFilter(f"{left.function}() does not take {left.arguments} arguments")
        self._charge(max(left.level, 0) + 1, _VISITED)
        if left.function in _SEARCHES:
            if left.literals is None:
                self._charge(left.level + 3, _SEARCHED * self._texts**2)
            else:
                self._charge(left.level + 2, _FOUND * left.literals * self._texts)
        elif left.function == "concat":
            self._charge(left.level + 2, _JOINED * self._texts**2)

    def _charge(self, power: int, weight: int) -> None:
        self._powers[power] += weight

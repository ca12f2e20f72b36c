"""As much GraphQL as SEN's API is asked for: fields with inlined arguments; no variables, fragments or directives."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

_TOKEN = re.compile(
    r"""(?P<blank>[\s,\ufeff]+|\#[^\n]*)
    |(?P<string>"(?:[^"\\\n]|\\.)*")
    |(?P<number>-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<mark>\.\.\.|[{}()\[\]:!$@=|&])""",
    re.VERBOSE,
)
_CONSTANTS = {"true": True, "false": False, "null": None}


class ArgumentsError(ValueError):
    """A field was asked for with arguments that it does not take; raised by the functions of an object."""


class QueryError(Exception):
    """A query that SEN does not answer, with the place in its text (index of a character) and in the answer."""

    def __init__(self, at: int, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.at, self.path = at, path


@dataclass(frozen=True, slots=True)
class Field:
    """One field that is asked for, with its arguments and what is wanted of it."""

    name: str
    alias: str
    at: int
    arguments: dict[str, Any] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()


def answer(query: str, roots: Mapping[str, Any]) -> dict[str, Any]:
    """Return GraphQL's reply to `query`.

    `roots` holds an object for `query` and for `mutation`: a mapping whose values are leaves, objects, lists, or
    functions that take the field's arguments, a dict, and return one. One error voids the whole answer.
    """
    try:
        operation, fields = _parse(query)
        return {"data": _select(roots[operation], fields, ())}
    except QueryError as error:
        before = query[: error.at].split("\n")
        place = {"line": len(before), "column": len(before[-1]) + 1}
        return {"data": None, "errors": [{"message": str(error), "locations": [place], "path": [*error.path]}]}


def _parse(query: str) -> tuple[str, tuple[Field, ...]]:
    try:
        return _Parser(query).operation()
    except RecursionError as error:
        raise QueryError(0, "Syntax error: nested too deep") from error


def _select(found: Any, fields: tuple[Field, ...], path: tuple[str | int, ...]) -> Any:
    if isinstance(found, list):
        return [_select(item, fields, (*path, index)) for index, item in enumerate(found)]
    if found is None:
        return None
    return {wanted.alias: _resolve(found, wanted, (*path, wanted.alias)) for wanted in fields}


def _resolve(parent: Mapping[str, Any], wanted: Field, path: tuple[str | int, ...]) -> Any:
    if wanted.name not in parent:
        raise QueryError(wanted.at, f"Cannot query field {wanted.name}; known are {', '.join(parent)}", path)
    found = parent[wanted.name]
    try:
        found = found(wanted.arguments) if callable(found) else found
    except ArgumentsError as error:
        raise QueryError(wanted.at, f"Wrong arguments of {wanted.name}: {error}", path) from error
    if isinstance(found, Mapping | list) != bool(wanted.fields) and found is not None:
        raise QueryError(wanted.at, f"Field {wanted.name} is asked for in the wrong depth", path)
    return _select(found, wanted.fields, path) if wanted.fields else found


class _Parser:
    """Recursive descent over the tokens of one document with one operation."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise QueryError(at, f"Syntax error: unexpected {text[at]!r}")
            if match.lastgroup != "blank":
                self._tokens.append((str(match.lastgroup), match[0], at))
            at = match.end()
        self._tokens.append(("end", "the end", len(text)))
        self._next = 0

    def operation(self) -> tuple[str, tuple[Field, ...]]:
        """Return `query` or `mutation` and the fields that are asked for."""
        operation = "query"
        if self._peek() in ("query", "mutation"):
            operation = self._take()
            if self._kind() == "name":
                self._take()
        fields = self._fields()
        if self._kind() != "end":
            self._fail("one operation is enough")
        return operation, fields

    def _fields(self) -> tuple[Field, ...]:
        self._expect("{")
        fields = [self._field()]
        while self._peek() != "}":
            fields.append(self._field())
        self._expect("}")
        return tuple(fields)

    def _field(self) -> Field:
        at = self._tokens[self._next][2]
        name = alias = self._name()
        if self._peek() == ":":
            self._take()
            name = self._name()
        arguments = self._pairs("(", ")") if self._peek() == "(" else {}
        return Field(name, alias, at, arguments, self._fields() if self._peek() == "{" else ())

    def _pairs(self, first: str, last: str) -> dict[str, Any]:
        self._expect(first)
        found = {}
        while self._peek() != last:
            name = self._name()
            self._expect(":")
            found[name] = self._value()
        self._expect(last)
        return found

    def _value(self) -> Any:
        kind, text = self._kind(), self._peek()
        if text == "{":
            return self._pairs("{", "}")
        if text == "[":
            return self._list()
        if text == "$":
            self._fail("variables are not supported, put the value in its place")
        if kind not in ("string", "number", "name"):
            self._fail("a value is missing")
        self._take()
        return _CONSTANTS.get(text, text) if kind == "name" else self._literal(text)

    def _list(self) -> list[Any]:
        self._expect("[")
        found = []
        while self._peek() != "]":
            found.append(self._value())
        self._expect("]")
        return found

    def _literal(self, token: str) -> Any:
        """Read a number or a string, which GraphQL writes as JSON does."""
        try:
            value = json.loads(token)
            str(value).encode()
        except ValueError as error:
            self._fail(f"{token} cannot be read: {error}")
        return value

    def _name(self) -> str:
        if self._kind() != "name":
            self._fail(f"a name is missing before {self._peek()}; fragments are not supported")
        return self._take()

    def _expect(self, mark: str) -> None:
        if self._peek() != mark:
            hint = "; variables are not supported" if self._peek() == "(" else ""
            self._fail(f"expected {mark}, found {self._peek()}{hint}")
        self._take()

    def _kind(self) -> str:
        return self._tokens[self._next][0]

    def _peek(self) -> str:
        """Return the next token; a string never looks like a mark, as its quotes are part of it."""
        return self._tokens[self._next][1]

    def _take(self) -> str:
        self._next += 1
        return self._tokens[self._next - 1][1]

    def _fail(self, message: str) -> NoReturn:
        raise QueryError(self._tokens[self._next][2], f"Syntax error: {message}")

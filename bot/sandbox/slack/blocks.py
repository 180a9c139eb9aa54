"""The grammar of a small Block Kit checker: values, lists, objects and choices, each with its JSON pointer.

What the blocks themselves may hold stands in ``block_parts``, ``block_elements``, ``block_data`` and
``block_tables``; this module only knows how to compare.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from bot.sandbox.slack.wire import Json


@dataclass(frozen=True)
class Poster:
    """Whoever sends the blocks: which files may stand in them, and what was granted."""

    file_is_ready: Callable[[str], bool] = lambda _id: False
    scopes: frozenset[str] = frozenset()
    knows_remote: Callable[[str], bool] = lambda _external_id: False


@dataclass
class Report:
    """What was found wrong, with what the checker has to know about the world."""

    surface: str = "message"
    poster: Poster = Poster()
    messages: list[str] = field(default_factory=list)

    def add(self, pointer: str, problem: str) -> None:
        """Note a problem at its place."""
        self.messages.append(f"[ERROR] {problem} [json-pointer:{pointer}]")


# Something a value must comply with: it reports what is wrong, at the pointer.
Rule: TypeAlias = Callable[[Any, str, Report], None]


def string(maximum: int, minimum: int = 1) -> Rule:
    """A string of so many characters."""

    def check(value: Any, pointer: str, report: Report) -> None:
        if not isinstance(value, str):
            report.add(pointer, "must be a string")
        elif len(value) > maximum:
            report.add(pointer, f"must be less than {maximum + 1} characters")
        elif len(value) < minimum:
            report.add(pointer, f"must be more than {minimum - 1} characters")

    return check


def one_of(*values: str) -> Rule:
    """One of these words."""

    def check(value: Any, pointer: str, report: Report) -> None:
        if value not in values:
            report.add(pointer, f"must be one of: {', '.join(values)}")

    return check


def pattern(expression: str, example: str) -> Rule:
    """A string of one form."""
    form = re.compile(expression)

    def check(value: Any, pointer: str, report: Report) -> None:
        if not isinstance(value, str):
            report.add(pointer, "must be a string")
        elif not form.fullmatch(value):
            report.add(pointer, f"must be formatted as {example}")

    return check


def flag(value: Any, pointer: str, report: Report) -> None:
    """Accept true or false."""
    if not isinstance(value, bool):
        report.add(pointer, "must be a boolean")


def integer(minimum: int, maximum: int) -> Rule:
    """A whole number within bounds."""

    def check(value: Any, pointer: str, report: Report) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            report.add(pointer, "must be an integer")
        elif not minimum <= value <= maximum:
            report.add(pointer, f"must be between {minimum} and {maximum}")

    return check


def number(value: Any, pointer: str, report: Report) -> None:
    """Accept a number, whole or not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        report.add(pointer, "must be a number")


def anything(_value: Any, _pointer: str, _report: Report) -> None:
    """Accept whatever it is; Slack's own clients make it."""


def array(rule: Rule, maximum: int, minimum: int = 1) -> Rule:
    """A list of so many items that each comply."""

    def check(value: Any, pointer: str, report: Report) -> None:
        if not isinstance(value, list):
            report.add(pointer, "must be an array")
            return
        if len(value) > maximum:
            report.add(pointer, f"no more than {maximum} items allowed")
        if len(value) < minimum:
            report.add(pointer, f"no fewer than {minimum} items allowed")
        for index, item in enumerate(value):
            rule(item, f"{pointer}/{index}", report)

    return check


def shape(required: Mapping[str, Rule], optional: Mapping[str, Rule] | None = None) -> Rule:
    """An object with these fields and no others."""
    fields = {**required, **(optional or {})}

    def check(value: Any, pointer: str, report: Report) -> None:
        if not isinstance(value, dict):
            report.add(pointer, "must be an object")
            return
        for name in required:
            if value.get(name) is None:
                report.add(pointer, f"missing required field: {name}")
        for name, item in value.items():
            if name not in fields:
                report.add(pointer, f"invalid additional property: {name}")
            elif item is not None:
                fields[name](item, f"{pointer}/{name}", report)

    return check


def choice(variants: Mapping[str, Rule]) -> Rule:
    """An object whose ``type`` says what else it may hold."""

    def check(value: Any, pointer: str, report: Report) -> None:
        if not isinstance(value, dict):
            report.add(pointer, "must be an object")
        elif "type" not in value:
            report.add(pointer, "missing required field: type")
        elif not isinstance(value["type"], str) or value["type"] not in variants:
            report.add(f"{pointer}/type", f"unsupported type: {value['type']}")
        else:
            variants[value["type"]](value, pointer, report)

    return check


def both(*rules: Rule) -> Rule:
    """Comply with each of these."""

    def check(value: Any, pointer: str, report: Report) -> None:
        for rule in rules:
            rule(value, pointer, report)

    return check


def exactly_one(*names: str) -> Rule:
    """An object with one of these fields and not another."""

    def check(value: Any, pointer: str, report: Report) -> None:
        if isinstance(value, dict) and sum(value.get(n) is not None for n in names) != 1:
            report.add(pointer, f"exactly one of these is required: {', '.join(names)}")

    return check


def at_least_one(*names: str) -> Rule:
    """An object with one of these fields or more."""

    def check(value: Any, pointer: str, report: Report) -> None:
        if isinstance(value, dict) and all(value.get(n) is None for n in names):
            report.add(pointer, f"at least one of these is required: {', '.join(names)}")

    return check


def only_on(*surfaces: str) -> Rule:
    """Something that some surfaces do not show."""

    def check(_value: Any, pointer: str, report: Report) -> None:
        if report.surface not in surfaces:
            report.add(pointer, f"not allowed on this surface: {report.surface}")

    return check


def granted(scope: str) -> Rule:
    """Something that an app without the scope may not send."""

    def check(_value: Any, pointer: str, report: Report) -> None:
        if scope not in report.poster.scopes:
            report.add(pointer, f"missing scope: {scope}")

    return check


def in_order(low: str, high: str, measure: Callable[[Any], float] = float) -> Rule:
    """An object whose one field is not above the other."""

    def check(value: Any, pointer: str, report: Report) -> None:
        try:
            bounds = [measure(value[name]) for name in (low, high)]
        except (KeyError, TypeError, ValueError):
            return  # One of them is not there, or is reported for what it is.
        if bounds[0] > bounds[1]:
            report.add(f"{pointer}/{low}", f"cannot be greater than {high}")

    return check


def offered(initial: str, choices: Callable[[Any], Iterable[Json]]) -> Rule:
    """An element whose initial choices are among those it offers, to the letter."""

    def check(value: Any, pointer: str, report: Report) -> None:
        given = value.get(initial)
        chosen = given if isinstance(given, list) else [given]
        options = list(choices(value))
        if given is not None and not all(option in options for option in chosen):
            report.add(f"{pointer}/{initial}", "must exactly match one of the provided options")

    return check


def total(maximum: int, measure: Callable[[Any], int], noun: str) -> Rule:
    """Something of which there is only so much altogether."""

    def check(value: Any, pointer: str, report: Report) -> None:
        if measure(value) > maximum:
            report.add(pointer, f"no more than {maximum} {noun} allowed")

    return check


def objects(value: Any) -> list[Json]:
    """The objects in a list, for rules about several of them; what else is in it is reported elsewhere."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def unique(name: str, within: Callable[[Any], list[Json]]) -> Rule:
    """An object in which no two parts share an id."""

    def check(value: Any, pointer: str, report: Report) -> None:
        seen: set[str] = set()
        for part in within(value):
            key = part.get(name)
            if isinstance(key, str) and key in seen:
                report.add(pointer, f"{name} is not unique: {key}")
            elif isinstance(key, str):
                seen.add(key)

    return check

"""What a value of the Img Open API may be: small checks, which the tables of parameters are made of."""

import re
from collections.abc import Callable, Collection
from decimal import Decimal
from urllib.parse import urlsplit

from bot.sandbox.vendors._state import Json

Check = Callable[[Json], Json]
"""Answers the value as it is understood, or raises Wrong."""

_DECIMAL = re.compile(r"\d+(\.\d+)?([eE][+-]?\d{1,3})?")
_OWN_ID = re.compile(r"[a-z0-9-]{1,64}")


class Wrong(Exception):
    """A value that cannot be taken; the text says what it must be."""


def whole(least: int | None = None, most: int | None = None) -> Check:
    """A whole number. True is none, and neither is 20.0."""

    def check(value: Json) -> Json:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong("must be an integer")
        if (least is not None and value < least) or (most is not None and value > most):
            raise Wrong(f"must be an integer {_between(least, most)}")
        return value

    return check


def number(least: float, most: float) -> Check:
    """Any number between two."""

    def check(value: Json) -> Json:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise Wrong(f"must be a number {_between(least, most)}")
        return value

    return check


def decimal_text(least: str = "0", most: str | None = None) -> Check:
    """A number written as text, "to avoid precision loss"."""

    def check(value: Json) -> Json:
        if not isinstance(value, str):
            raise Wrong("must be a string that holds a number")
        if _DECIMAL.fullmatch(value) is None:
            raise Wrong("must be a decimal number in a string")
        if Decimal(value) < Decimal(least) or (most is not None and Decimal(value) > Decimal(most)):
            raise Wrong(f"must be {_between(least, most)}")
        return value

    return check


def yes_or_no(value: Json) -> Json:
    """`true` or `false`; 0 and "false" are neither."""
    if not isinstance(value, bool):
        raise Wrong("must be true or false")
    return value


def one_of(choices: Collection[Json]) -> Check:
    """One of a closed list."""

    def check(value: Json) -> Json:
        if not any(type(value) is type(choice) and value == choice for choice in choices):
            raise Wrong(f"must be one of {', '.join(str(choice) for choice in choices)}")
        return value

    return check


def text(most: int | None = None) -> Check:
    """Text, perhaps none."""

    def check(value: Json) -> Json:
        if not isinstance(value, str):
            raise Wrong("must be a string")
        if most is not None and len(value) > most:
            raise Wrong(f"must have at most {most} characters")
        return value

    return check


def some_text(most: int | None = None) -> Check:
    """Text that says something."""

    def check(value: Json) -> Json:
        if not str(text(most)(value)).strip():
            raise Wrong("must not be empty")
        return value

    return check


def own_id(value: Json) -> Json:
    """An id of the caller's choosing."""
    if not isinstance(value, str) or _OWN_ID.fullmatch(value) is None:
        raise Wrong("must be 1 to 64 of a-z, 0-9 and -")
    return value


def link(value: Json) -> Json:
    """A web address that anybody can open: without user and password."""
    if not isinstance(value, str):
        raise Wrong("must be a URL")
    try:
        parts = urlsplit(value)
    except ValueError:
        raise Wrong("must be a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise Wrong("must be a public http or https URL")
    return value


def links(least: int, most: int) -> Check:
    """So many web addresses."""

    def check(value: Json) -> Json:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise Wrong(f"must be a list of {least} to {most} URLs")
        return [link(one) for one in value]

    return check


def mapping(value: Json) -> Json:
    """An object."""
    if not isinstance(value, dict):
        raise Wrong("must be an object")
    return value


def _between(least: float | str | None, most: float | str | None) -> str:
    if most is None:
        return f"of at least {least}"
    return f"of at most {most}" if least is None else f"between {least} and {most}"

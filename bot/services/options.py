"""A vendor's own parameters: as fields to draw, and what a person chose for them, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ValidationError

from bot.providers import UPFRONT
from bot.services.errors import BadWish

Schema = Mapping[str, Any]
Chosen = Mapping[str, Any]
"""Values by field, as typed: text is read as the field wants it, and an empty one is not chosen."""


class FieldKind(StrEnum):
    """How a field is asked for."""

    CHOICE = "choice"  # one of `choices`
    YES_NO = "yes_no"
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class OptionField:
    """One parameter, as a form may ask for it."""

    name: str
    title: str
    description: str
    kind: FieldKind
    default: Any
    """None where the vendor decides."""
    upfront: bool
    """For everybody to see, and not only for those who look under *Advanced*."""
    required: bool
    choices: tuple[Any, ...] = ()
    """Text or numbers; a form may give either back as text."""
    least: float | None = None
    most: float | None = None
    """Of a number, or the characters of a text."""
    above: bool = False
    """A number must be more than `least`, and not as much."""
    below: bool = False
    """The same of `most`, and less."""
    may_be_empty: bool = False
    """A text that may say nothing, though its default says something."""


def fields(options: type[BaseModel] | None) -> tuple[OptionField, ...]:
    """The parameters of an operation, those for everybody first, else in the vendor's order."""
    if options is None:
        return ()
    whole = options.model_json_schema(by_alias=False)
    drawn = [_drawn(name, described, whole) for name, described in whole.get("properties", {}).items()]
    return tuple(sorted(drawn, key=lambda one: not one.upfront))


def checked(options: type[BaseModel] | None, chosen: Chosen, *, prefix: str) -> dict[str, Any]:
    """What was chosen, as plain values by the fields' names. Raises BadWish with all that is wrong."""
    known = fields(options)
    emptied = {field.name for field in known if field.may_be_empty}
    given = {
        name: value
        for name, value in chosen.items()
        if value is not None and (value != "" or name in emptied)
    }
    for field in known:
        if field.name in given:  # A form knows text only: the choice that is written so.
            meant = (value for value in field.choices if str(value) == str(given[field.name]))
            given[field.name] = next(meant, given[field.name])
    if options is None:
        if given:
            raise BadWish(f"{prefix}.{next(iter(given))}", "unknown")
        return {}
    try:
        model = options.model_validate(given)
    except ValidationError as error:
        wrong = [_fault(fault, prefix) for fault in error.errors(include_input=False, include_url=False)]
        raise BadWish(
            wrong[0].field, wrong[0].rule, wrong[0].limit, words=wrong[0].words, others=wrong[1:]
        ) from None
    return model.model_dump(mode="json", exclude_unset=True)


_LIMITS = ("ge", "gt", "le", "lt", "max_length", "min_length", "multiple_of")


def _fault(fault: Any, prefix: str) -> BadWish:
    """pydantic's finding about one field; a rule across fields may name none."""
    where = ".".join(str(part) for part in fault["loc"][:1])
    context = fault.get("ctx") or {}
    limit = next((context[name] for name in _LIMITS if isinstance(context.get(name), int | float)), 0)
    words = str(fault["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return BadWish(f"{prefix}.{where}".rstrip("."), str(fault["type"]), limit, words=words)


def _drawn(name: str, described: Schema, whole: Schema) -> OptionField:
    shape = _shape(described, whole)
    values = shape.get("enum", [shape["const"]] if "const" in shape else [])
    numbers = {bound: float(shape[bound]) for bound in _BOUNDS if bound in shape}
    return OptionField(
        name=name,
        title=str(described.get("title") or shape.get("title") or name),
        description=str(described.get("description", "")),
        kind=FieldKind.CHOICE if values else _KINDS.get(str(shape.get("type")), FieldKind.TEXT),
        default=described.get("default"),
        upfront=all(described.get(key) == value for key, value in UPFRONT.items()),
        required=name in whole.get("required", ()),
        choices=tuple(values),
        least=numbers.get("minimum", numbers.get("exclusiveMinimum")),
        most=numbers.get("maximum", numbers.get("exclusiveMaximum", numbers.get("maxLength"))),
        above="exclusiveMinimum" in numbers,
        below="exclusiveMaximum" in numbers,
        may_be_empty=shape.get("type") in {"string", "array"}
        and not (values or any(shape.get(bound) for bound in ("minLength", "minItems")))
        and bool(described.get("default")),
    )


_KINDS = {"boolean": FieldKind.YES_NO, "integer": FieldKind.INTEGER, "number": FieldKind.NUMBER}
_BOUNDS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "maxLength")


def _shape(described: Schema, whole: Schema) -> Schema:
    """What a property is once references are followed, and *or nothing* is left out."""
    if "$ref" in described:
        return _shape(whole["$defs"][described["$ref"].rsplit("/", 1)[1]], whole)
    either = [one for one in described.get("anyOf", ()) if one.get("type") != "null"]
    return _shape(either[0], whole) if either else described

"""What an order of portraits may say at the DashScope stand-in."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.sandbox.vendors._counter import Refused
from bot.sandbox.vendors._dashscope_answers import invalid, refused
from bot.sandbox.vendors._dashscope_pictures import SIZE, STYLES, TRAIN_FREE, TRAINED_TEMPLATE
from bot.sandbox.vendors._dashscope_sources import is_link
from bot.sandbox.vendors._state import Json

DEMONSTRATION_FACE = "women_model"
"""A face that everybody may use."""
_SIZE = f"{SIZE[0]}*{SIZE[1]}"
_MOST_IMAGES = 4
_MOST_USERS = 5


@dataclass(frozen=True)
class Wish:
    """An order that makes sense."""

    style: str
    resource_id: str | None
    """None where no face was trained."""
    template_url: str | None
    user_urls: list[str]
    images: int


def read_wish(body: Mapping[str, Json]) -> Wish:
    """Read an order's body. Raises Refused."""
    parameters = _object(body, "parameters")
    given = _object(body, "input")
    style = parameters.get("style")
    if not isinstance(style, str) or style not in {*STYLES, TRAINED_TEMPLATE, TRAIN_FREE}:
        raise invalid(f"style is not supported: {style}")
    if style in STYLES:
        if parameters.get("size", _SIZE) != _SIZE:
            raise invalid(f"size must be {_SIZE}.")
    elif "size" in parameters:
        raise invalid("size must not be given with a template.")
    if not isinstance(parameters.get("skin_retouch", True), bool):
        raise invalid("skin_retouch must be true or false.")
    return Wish(
        style,
        None if style == TRAIN_FREE else _resource(body.get("resources")),
        None if style in STYLES else _template(given.get("template_url")),
        _users(given.get("user_urls")) if style == TRAIN_FREE else [],
        _images(parameters.get("n", _MOST_IMAGES)),
    )


def _object(body: Mapping[str, Json], name: str) -> dict[str, Json]:
    value = body.get(name, {})
    if not isinstance(value, dict):
        raise invalid(f"{name} must be an object.")
    return value


def _images(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid("n must be a whole number.")
    # One page says at most 4 and another 5; what is outside is brought inside, and nobody is told.
    return max(1, min(value, _MOST_IMAGES))


def _resource(value: Json) -> str:
    if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict):
        raise invalid("resources must hold one face.")
    face, kind = value[0].get("resource_id"), value[0].get("resource_type")
    if not isinstance(face, str) or not face:
        raise invalid("resource_id is required.")
    if kind != "facelora":
        raise invalid("resource_type must be facelora.")
    return face


def _template(value: Json) -> str:
    if not isinstance(value, str) or not value:
        raise invalid("template_url is required.")
    return _link(value)


def _users(value: Json) -> list[str]:
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_USERS:
        raise invalid(f"user_urls must hold 1 to {_MOST_USERS} photos.")
    return [_link(one) for one in value]


def _link(value: Json) -> str:
    # Chinese characters are not understood in an address, so nothing is that is not plain.
    if not isinstance(value, str) or not is_link(value) or not value.isascii():
        raise bad_link()
    return value


def bad_link() -> Refused:
    """An address that is none."""
    return refused(400, "InvalidURL", "The URL is not valid.")

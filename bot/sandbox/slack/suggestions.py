"""Options an app offers while somebody types: read from its answer, as strictly as those of a block."""

from typing import Any

from bot.sandbox.slack.block_parts import GROUP, OPTION
from bot.sandbox.slack.block_walk import completed
from bot.sandbox.slack.blocks import Report, array, both, exactly_one, shape
from bot.sandbox.slack.errors import ApiError
from bot.sandbox.slack.wire import Json

MOST = 100
REMEMBERED = 1_000
MENUS = 200
ANSWER = both(
    shape({}, {"options": array(OPTION, MOST, 0), "option_groups": array(GROUP, MOST, 0)}),
    exactly_one("options", "option_groups"),
)


def offered_options(answer: Any) -> list[Json]:
    """The options in an answer, grouped or not."""
    report = Report()
    ANSWER(answer, "", report)
    if report.messages:
        raise ApiError("invalid_options", messages=report.messages)
    answer = completed(answer)
    groups = answer.get("option_groups") or ()
    return [*(answer.get("options") or ()), *(option for group in groups for option in group["options"])]


class Shown:
    """What apps offered to people lately, in menus that they fill: what one sees there one can choose."""

    def __init__(self) -> None:
        self._options: dict[tuple[str, ...], list[Json]] = {}

    def note(self, where: tuple[str, ...], options: list[Json]) -> None:
        """Add what is offered now; the newest come first, and the oldest of many are forgotten."""
        before = [one for one in self._options.pop(where, ()) if one not in options]
        self._options[where] = [*options, *before][:REMEMBERED]
        while len(self._options) > MENUS:
            del self._options[next(iter(self._options))]

    def at(self, where: tuple[str, ...]) -> list[Json]:
        """What was offered there."""
        return self._options.get(where, [])

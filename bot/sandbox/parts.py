"""What a story needs of its person with each vendor: so many photos, these answers. And what is paid."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Part:
    """One vendor's."""

    photos: int = 6
    """How many are drawn, where the person brings none."""
    least: int = 3
    most: int = 10
    per_post: int = 10
    """How many go into one message."""
    subject: str = "object"
    answers: Mapping[str, str] = field(default_factory=dict)
    """What only this vendor's form asks, by block."""
    bill: Mapping[str, int] = field(default_factory=lambda: {"training": 1, "inference": 1})
    """What the vendor has been paid for in the end, by kind."""


PARTS: Mapping[str, Part] = {
    "aicontent": Part(),
    # It draws people in a scene of its own, and takes no prompt.
    "dashscope": Part(subject="woman", answers={"making.style": "f_idcard_female"}),
    # Slack's client takes ten files into one message, and this vendor wants as many at least.
    "img_open": Part(
        photos=12, least=10, most=20, per_post=6, bill={"training": 1, "inference": 1, "tool": 0}
    ),
}

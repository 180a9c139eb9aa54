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
    film: bool = False
    """A film is posted, and papers go with the form; what is made is a clip."""
    prompt: str = "among falling petals on a spring day"
    count: int = 4
    """What goes into the form, and how many files stand in the thread at the end."""
    shown: int = 0
    """How many messages show the model itself before that."""
    bill: Mapping[str, int] = field(default_factory=lambda: {"training": 1, "inference": 1})
    """What the vendor has been paid for in the end, by kind."""


PARTS: Mapping[str, Part] = {
    # As many as every vendor of photos takes, so that the form offers all of them.
    "aicontent": Part(photos=10, bill={"training": 1, "inference": 1, "oneshot": 0}),
    # It draws people in a scene of its own, and takes no prompt.
    "dashscope": Part(subject="woman", answers={"making.style": "f_idcard_female"}),
    # Slack's client takes ten files into one message, and this vendor wants as many at least.
    "img_open": Part(
        photos=12, least=10, most=20, per_post=6, bill={"training": 1, "inference": 1, "tool": 0}
    ),
    "metastudio": Part(
        photos=1,
        least=1,
        most=1,
        subject="woman",
        film=True,
        prompt="Hello! I am drawn by code, and so is my voice.",
        # The clip comes with its cover, after a picture of the avatar.
        count=2,
        shown=1,
        bill={"training": 1, "clip": 1, "photo_video": 0, "picture_model": 0},
    ),
}

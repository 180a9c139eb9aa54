"""Words that a form seldom needs."""

from bot.services.inputs import Lack, Lacking, Role
from handlers.phrases import unfit


def test_a_picture_that_is_too_narrow_is_told_of_its_shape_and_not_of_its_size() -> None:
    lack = Lack(Lacking.TOO_NARROW, Role.TEMPLATE, 4.0, 1680 / 512, (1,))
    assert unfit([lack]) == "This vendor wants a template picture at most 3.2 times as long as wide."

"""What a vendor takes of a set, and why not: as data."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.providers import Delivery, InputSpec, Role
from bot.services.errors import Unfit
from bot.services.inputs import Given, Lack, Lacking, fitting, judge, picked, suiting
from storage.records.media import Medium

PHOTO = InputSpec(
    role=Role.PHOTO,
    min=2,
    max=3,
    media_types=("image/jpeg", "image/png"),
    max_bytes=1000,
    delivery=Delivery.URL,
    min_side=512,
)
VIDEO = InputSpec(
    role=Role.VIDEO,
    min=1,
    max=1,
    media_types=("video/mp4",),
    max_bytes=5000,
    delivery=Delivery.UPLOAD,
    frames=((1920, 1080), (1080, 1920)),
    lasts=(timedelta(minutes=3), timedelta(minutes=10)),
)
LETTER = PHOTO.model_copy(
    update={"role": Role.LETTER, "min": 1, "max": 1, "media_types": ("application/pdf",)}
)


def photo(name: str, *, side: int = 600, size: int = 500, kind: str = "image/jpeg") -> Given:
    return Given("photo", Medium(name, kind, size, side, side + 100))


def film(*, width: int = 1920, height: int = 1080, seconds: float = 200, size: int = 4000) -> Given:
    return Given("video", Medium("film", "video/mp4", size, width, height, seconds))


@pytest.mark.parametrize(
    ("specs", "given", "lacks"),
    [
        ([PHOTO], [photo("a"), photo("b")], []),
        ([PHOTO], [photo("a"), photo("b"), photo("c")], []),
        ([PHOTO], [], [Lack(Lacking.TOO_FEW, Role.PHOTO, 0, 2)]),
        ([PHOTO], [photo("a")], [Lack(Lacking.TOO_FEW, Role.PHOTO, 1, 2)]),
        ([PHOTO], [photo(n) for n in "abcd"], [Lack(Lacking.TOO_MANY, Role.PHOTO, 4, 3)]),
        ([PHOTO], [film()], [Lack(Lacking.WRONG_KIND, Role.PHOTO, 0, 2)]),
        ([PHOTO], [photo("a"), photo("b", side=300)], [Lack(Lacking.TOO_SMALL, Role.PHOTO, 300, 512, (2,))]),
        (
            [PHOTO],
            [photo("a", kind="image/gif"), photo("b"), photo("c", kind="image/gif")],
            [Lack(Lacking.MEDIA_TYPE, Role.PHOTO, 0, 0, (1, 3))],
        ),
        ([PHOTO], [photo("a", size=9000), photo("b")], []),
        ([VIDEO], [film()], []),
        ([VIDEO], [film(width=1080, height=1920)], []),
        ([VIDEO], [film(seconds=180)], []),
        ([VIDEO], [film(seconds=600)], []),
        ([VIDEO], [film(seconds=179.9)], [Lack(Lacking.TOO_SHORT, Role.VIDEO, 179.9, 180, (1,))]),
        ([VIDEO], [film(seconds=600.1)], [Lack(Lacking.TOO_LONG, Role.VIDEO, 600.1, 600, (1,))]),
        (
            [VIDEO],
            [film(width=1280, height=720)],
            [Lack(Lacking.FRAME, Role.VIDEO, 720, 0, (1,), frames=VIDEO.frames)],
        ),
        ([VIDEO], [film(size=6000)], [Lack(Lacking.TOO_LARGE, Role.VIDEO, 6000, 5000, (1,))]),
        ([VIDEO, LETTER], [film()], [Lack(Lacking.WRONG_KIND, Role.LETTER, 0, 1)]),
    ],
)
def test_each_reason_why_not_is_told_with_what_there_is_and_what_it_should_be(
    specs: list[InputSpec], given: list[Given], lacks: list[Lack]
) -> None:
    assert list(judge(specs, given)) == lacks


SCENE = PHOTO.model_copy(
    update={"role": Role.TEMPLATE, "min": 0, "max": 1, "max_side": 1680, "max_shorter": 1260}
)


@pytest.mark.parametrize(
    ("size", "longest"),
    [
        ((600, 800), 800),
        ((1680, 1260), 1680),
        ((1261, 1680), 1678),
        ((1600, 1600), 1260),
        ((4000, 3000), 1680),
        ((3000, 4000), 1680),
        ((4000, 2000), 1680),
        ((1, 9000), 1680),
    ],
    ids=str,
)
def test_a_picture_is_made_small_enough_on_both_sides(size: tuple[int, int], longest: int) -> None:
    assert SCENE.longest(*size) == longest
    shorter = round(min(size) * longest / max(size))
    assert shorter <= 1260
    assert longest <= 1680


@pytest.mark.parametrize("limits", [{}, {"max_side": 3840, "max_shorter": 2160}], ids=str)
def test_a_picture_that_a_vendor_takes_as_it_is_is_left_so(limits: dict[str, int]) -> None:
    spec = PHOTO.model_copy(update=limits)
    assert [spec.longest(*size) for size in ((600, 800), (2160, 3840))] == [800, 3840]


@pytest.mark.parametrize(("width", "told"), [(1681, True), (1680, False), (5000, True)])
def test_a_picture_that_would_be_too_small_once_it_is_small_enough_is_refused_beforehand(
    width: int, told: bool
) -> None:
    given = Given("template", Medium("a", "image/jpeg", 500, width, 512))
    lacks = judge([SCENE], [given])
    assert [one.rule for one in lacks] == ([Lacking.TOO_NARROW] if told else [])
    assert [one.limit for one in lacks] == ([1680 / 512] if told else [])


def test_what_a_form_asks_for_need_not_be_there_before_it_is_opened() -> None:
    film_lacks, letter_lacks = judge([VIDEO, LETTER], [])
    assert (film_lacks.can_follow, letter_lacks.can_follow) == (False, True)
    (heavy,) = judge([LETTER], [Given("letter", Medium("l", "application/pdf", 9000, 0, 0))])
    assert not heavy.can_follow


def test_a_set_is_cut_down_to_what_is_taken_each_once_and_in_order() -> None:
    given = [photo("b"), film(), photo("a"), photo("b")]
    assert fitting([PHOTO], given) == (("photo", "b"), ("photo", "a"))
    assert fitting([VIDEO], given) == (("video", "film"),)


def test_a_set_that_does_not_do_is_refused_with_every_reason() -> None:
    with pytest.raises(Unfit) as refused:
        fitting([VIDEO, PHOTO], [photo("a", side=100)])
    assert [(lack.rule, lack.role) for lack in refused.value.lacks] == [
        (Lacking.WRONG_KIND, Role.VIDEO),
        (Lacking.TOO_FEW, Role.PHOTO),
        (Lacking.TOO_SMALL, Role.PHOTO),
    ]


ONE = PHOTO.model_copy(update={"min": 1, "max": 1, "picks": True})


def test_of_more_than_a_vendor_takes_the_form_may_ask_which_is_meant() -> None:
    several = [photo("a"), photo("b", side=300), photo("c")]
    (lack,) = judge([ONE], several)
    assert (lack.rule, lack.can_follow) == (Lacking.TOO_MANY, True)
    assert [one.medium.sha256 for one in suiting(ONE, several)] == ["a", "c"]
    assert fitting([ONE], picked([ONE], several, "c")) == (("photo", "c"),)


def test_where_none_of_several_suits_there_is_none_to_pick() -> None:
    lacks = judge([ONE], [photo("a", side=300), photo("b", side=300)])
    assert [(one.rule, one.can_follow) for one in lacks] == [
        (Lacking.TOO_MANY, True),
        (Lacking.TOO_SMALL, False),
    ]


def test_a_pick_that_is_not_among_them_leaves_nothing() -> None:
    with pytest.raises(Unfit) as caught:
        fitting([ONE], picked([ONE], [photo("a"), photo("b")], "z"))
    assert caught.value.lacks[0].have == 0


def test_a_pick_is_no_matter_to_a_vendor_that_takes_them_all() -> None:
    several = [photo("a"), photo("b")]
    assert picked([PHOTO], several, "a") == several

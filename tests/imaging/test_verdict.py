"""What a set is judged to be: refused, doubtful or well, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from PIL import Image, ImageEnhance, ImageFilter

from bot.imaging.decode import Decoded
from bot.imaging.kinds import Kind
from bot.imaging.look import Look
from bot.imaging.measures import measure
from bot.imaging.signature import BITS, distance, mirrored, sign
from bot.imaging.verdict import (
    BLACK,
    BLURRED,
    DARK,
    FLAT,
    SMOOTH,
    WASHED_OUT,
    Doubt,
    Finding,
    Mark,
    Misfit,
    People,
    Variety,
    judge,
    misfits,
)
from tests.imaging.made import scene


def look(image: Image.Image) -> Look:
    return measure(Decoded(image, Kind.JPEG, *image.size, first_of_several=False))


SCENES = [scene(number) for number in range(6)]
LOOKS = [look(one) for one in SCENES]
GOOD = LOOKS[0]


def doubts(one: Look, **told: bool | None) -> set[Doubt]:
    (photo,) = judge([(1, one)], **told).photos
    return {finding.doubt for finding in photo.findings}


@pytest.mark.parametrize(
    ("measured", "found"),
    [
        ({}, set()),
        ({"sharpness": BLURRED - 0.001}, {Doubt.BLURRED}),
        ({"sharpness": BLURRED}, set()),
        ({"bright": DARK - 1}, {Doubt.DARK}),
        ({"washed": WASHED_OUT}, {Doubt.BLOWN_OUT}),
        ({"flat": FLAT}, {Doubt.DRAWN}),
        ({"colours": 40}, {Doubt.DRAWN}),
        ({"colours": 0}, set()),
        ({"flat": SMOOTH, "sharpness": 0.0, "washed": 1.0}, {Doubt.DRAWN}),
        ({"flat": 0.76, "sharpness": 0.01}, {Doubt.BLURRED}),
        ({"flat": 0.63, "bright": 20, "colours": 25}, {Doubt.DARK}),
        ({"flat": 1.0, "bright": 34}, {Doubt.DARK, Doubt.DRAWN}),
        ({"flat": 1.0, "bright": BLACK - 1, "colours": 4, "sharpness": 0.0}, {Doubt.DARK}),
        ({"flat": FLAT, "washed": WASHED_OUT}, {Doubt.BLOWN_OUT}),
        ({"flat": FLAT, "washed": 1.0, "colours": 40}, {Doubt.DRAWN}),
        ({"sharpness": 0.0, "bright": 20}, {Doubt.BLURRED, Doubt.DARK}),
    ],
)
def test_each_measure_has_its_doubt(measured: dict[str, float], found: set[Doubt]) -> None:
    assert doubts(replace(GOOD, **measured)) == found


@pytest.mark.parametrize(
    ("faces", "person", "found"),
    [
        (0, True, {Doubt.NO_FACE}),
        (1, True, set()),
        (3, True, {Doubt.SEVERAL_FACES}),
        (None, True, set()),
        (0, False, set()),
        (3, False, set()),
        (0, None, set()),
        (3, None, set()),
    ],
)
def test_faces_matter_where_the_subject_is_a_person(
    faces: int | None, person: bool, found: set[Doubt]
) -> None:
    assert doubts(replace(GOOD, faces=faces), person=person) == found


def test_where_most_photos_show_one_face_the_others_are_doubted_unasked() -> None:
    looks = [replace(one, faces=count) for one, count in zip(LOOKS, (1, 1, 1, 1, 0, 2), strict=True)]
    verdict = judge(list(enumerate(looks, 1)))
    assert verdict.photos[4].findings == (Finding(Doubt.NO_FACE),)
    assert verdict.photos[5].findings == (Finding(Doubt.SEVERAL_FACES),)
    assert verdict.people is People.SEVERAL


@pytest.mark.parametrize(
    ("counts", "people"),
    [((None, None), People.UNKNOWN), ((0, 0), People.NOBODY), ((1, 0), People.ONE), ((1, 2), People.SEVERAL)],
)
def test_who_is_in_a_set_is_told_by_counting(counts: tuple[int | None, ...], people: People) -> None:
    looks = [replace(one, faces=count) for one, count in zip(LOOKS, counts, strict=False)]
    assert judge(list(enumerate(looks))).people is people


# -- alike


def again(image: Image.Image, how: str) -> Image.Image:
    wide, high = image.size
    match how:
        case "smaller":
            return image.resize((wide // 2, high // 2))
        case "brighter":
            return ImageEnhance.Brightness(image).enhance(1.25)
        case "softer":
            return image.filter(ImageFilter.GaussianBlur(4))
        case "grey":
            return image.convert("L").convert("RGB")
        case "closer":
            return image.crop((wide // 60, high // 60, wide - wide // 60, high - high // 60))
        case _:
            return image.rotate(1, Image.Resampling.BICUBIC).crop((8, 8, wide - 8, high - 8))


@pytest.mark.parametrize("how", ["smaller", "brighter", "softer", "grey", "closer", "turned a little"])
@pytest.mark.parametrize("number", range(3))
def test_the_same_moment_once_more_is_a_duplicate_of_the_first(number: int, how: str) -> None:
    entries = [*enumerate(LOOKS, 1), (7, look(again(SCENES[number], how)))]
    verdict = judge(entries)
    assert verdict.numbers(Mark.DOUBTFUL) == (7,)
    assert Finding(Doubt.DUPLICATE, number + 1) in verdict.photos[6].findings


def test_a_photo_in_a_mirror_is_told_as_such() -> None:
    entries = [*enumerate(LOOKS, 1), (7, look(SCENES[2].transpose(Image.Transpose.FLIP_LEFT_RIGHT)))]
    assert judge(entries).photos[6].findings == (Finding(Doubt.MIRRORED, 3),)


def test_different_photos_are_not_alike() -> None:
    assert judge(list(enumerate(LOOKS, 1))).numbers(Mark.WELL) == (1, 2, 3, 4, 5, 6)


def test_things_before_white_are_not_alike_for_their_background() -> None:
    goods = []
    for one in SCENES:
        made = Image.new("RGB", (900, 900), "white")
        made.paste(one.resize((300, 300)), (300, 300))
        goods.append(look(made))
    assert judge(list(enumerate(goods, 1))).numbers(Mark.WELL) == (1, 2, 3, 4, 5, 6)


def test_of_three_alike_the_later_two_repeat_the_first() -> None:
    verdict = judge([(4, GOOD), (5, GOOD), (9, GOOD)])
    assert [photo.findings for photo in verdict.photos] == [
        (),
        (Finding(Doubt.DUPLICATE, 4),),
        (Finding(Doubt.DUPLICATE, 4),),
    ]


@pytest.mark.parametrize("one", SCENES)
def test_a_signature_says_how_far_pictures_are_apart(one: Image.Image) -> None:
    signed = sign(one.convert("L"))
    assert distance(signed, signed) == 0
    assert mirrored(mirrored(signed)) == signed
    turned = sign(one.convert("L").transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert distance(mirrored(signed), turned) <= 2
    assert 30 < distance(signed, turned) <= BITS


# -- the set


def test_refused_files_and_doubts_leave_the_rest_usable() -> None:
    entries = [(1, LOOKS[0]), (2, None), (3, replace(LOOKS[1], sharpness=0.0)), (4, LOOKS[2])]
    verdict = judge(entries)
    assert verdict.numbers(Mark.WELL) == (1, 4)
    assert verdict.numbers(Mark.DOUBTFUL) == (3,)
    assert verdict.numbers(Mark.REFUSED) == (2,)


def test_a_burst_has_little_variety_and_different_scenes_have_much() -> None:
    burst = [
        look(SCENES[0].rotate(angle, Image.Resampling.BICUBIC).crop((40 + move, 30, 560 + move, 450)))
        for angle, move in ((0, 0), (3, 10), (6, 20), (9, 30))
    ]
    verdict = judge(list(enumerate(burst)))
    assert (verdict.angles, verdict.light) == (Variety.LITTLE, Variety.LITTLE)
    assert judge(list(enumerate(LOOKS))).angles is not Variety.LITTLE


def test_light_varies_where_brightness_does() -> None:
    lit = [look(ImageEnhance.Brightness(one).enhance(0.4 + 0.3 * n)) for n, one in enumerate(SCENES[:4])]
    assert judge(list(enumerate(lit))).light is Variety.MUCH


def test_of_fewer_than_three_nothing_is_said() -> None:
    verdict = judge(list(enumerate(LOOKS[:2])))
    assert (verdict.angles, verdict.light) == (Variety.UNKNOWN, Variety.UNKNOWN)
    assert judge([]).photos == ()


# -- for a vendor


@dataclass(frozen=True)
class Declared:
    min_side: int = 256
    max_bytes: int = 5_000_000
    media_types: tuple[str, ...] = ("image/jpeg", "image/png")
    one_face: bool = False


@pytest.mark.parametrize(
    ("limits", "faces", "why"),
    [
        (Declared(), None, ()),
        (Declared(min_side=512), None, (Misfit.TOO_SMALL,)),
        (Declared(max_bytes=1000), None, (Misfit.TOO_MANY_BYTES,)),
        (Declared(media_types=("image/png",)), None, (Misfit.MEDIA_TYPE,)),
        (Declared(media_types=()), None, ()),
        (Declared(one_face=True), 1, ()),
        (Declared(one_face=True), None, ()),
        (Declared(one_face=True), 0, (Misfit.NO_FACE,)),
        (Declared(one_face=True), 2, (Misfit.SEVERAL_FACES,)),
        (Declared(min_side=512, max_bytes=1), None, (Misfit.TOO_SMALL, Misfit.TOO_MANY_BYTES)),
    ],
)
def test_a_vendor_refuses_what_it_says_it_refuses(
    limits: Declared, faces: int | None, why: tuple[Misfit, ...]
) -> None:
    assert misfits((640, 480), 90_000, "image/jpeg", limits, faces=faces) == why


@pytest.mark.parametrize(
    ("light", "found"),
    [(1 / 8, Doubt.DARK), (1 / 16, Doubt.DARK), (1 / 32, Doubt.DARK), (6, Doubt.BLOWN_OUT)],
)
def test_a_photo_with_far_too_little_or_too_much_light_is_not_called_a_drawing(
    light: float, found: Doubt
) -> None:
    assert doubts(look(SCENES[0].point(lambda value: min(255, round(value * light))))) == {found}

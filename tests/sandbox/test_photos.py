"""The photos drawn for the story are JPEGs of one figure, with the metadata real ones have."""

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from bot.sandbox.photos import draw_photos

ORIENTATION, MAKE, GPS = 0x0112, 0x010F, 0x8825
SIZE = (160, 160)


@pytest.fixture(scope="module")
def photos() -> list[bytes]:
    return draw_photos(6, seed=1, size=SIZE)


def pixels(photo: bytes) -> npt.NDArray[np.float64]:
    with Image.open(io.BytesIO(photo)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"), np.float64)


def difference(one: bytes, other: bytes) -> float:
    return float(np.abs(pixels(one) - pixels(other)).mean())


def test_they_are_jpegs_of_the_size_asked_for(photos: list[bytes]) -> None:
    assert len(photos) == 6
    for photo in photos:
        with Image.open(io.BytesIO(photo)) as image:
            assert (image.format, image.size) == ("JPEG", SIZE)


def test_a_photo_need_not_be_square() -> None:
    (photo,) = draw_photos(1, size=(160, 120))
    with Image.open(io.BytesIO(photo)) as image:
        assert image.size == (160, 120)


def test_the_same_arguments_draw_the_same_bytes(photos: list[bytes]) -> None:
    assert draw_photos(2, seed=1, size=SIZE) == photos[:2]


def test_no_two_photos_are_alike(photos: list[bytes]) -> None:
    for index, one in enumerate(photos):
        for other in photos[index + 1 :]:
            assert difference(one, other) > 12


def test_photos_beyond_the_sixth_are_not_repeats(photos: list[bytes]) -> None:
    more = draw_photos(7, seed=1, size=SIZE)
    assert more[:6] == photos
    assert min(difference(more[6], photo) for photo in photos) > 3


def test_each_shows_the_orange_figure_in_its_middle(photos: list[bytes]) -> None:
    for photo in photos:
        red, green, blue = np.moveaxis(pixels(photo)[40:130, 40:120], 2, 0)
        orange = (red > 110) & (red > 1.25 * green) & (green > 1.2 * blue)
        assert orange.mean() > 0.12


def test_another_seed_is_another_figure(photos: list[bytes]) -> None:
    (white,) = draw_photos(1, seed=2, size=SIZE)
    assert difference(white, photos[0]) > 8


def test_they_name_a_camera_one_lies_on_its_side_and_one_tells_its_place(photos: list[bytes]) -> None:
    tags = []
    for photo in photos:
        with Image.open(io.BytesIO(photo)) as image:
            tags.append(image.getexif())
    assert [exif[MAKE] for exif in tags] == ["Darkroom"] * 6
    assert [exif.get(ORIENTATION) for exif in tags] == [None, None, None, 6, None, None]
    assert [bool(exif.get_ifd(GPS)) for exif in tags] == [False, False, False, False, True, False]


def test_the_one_on_its_side_is_upright_once_its_tag_is_obeyed(photos: list[bytes]) -> None:
    upright = pixels(photos[3])
    with Image.open(io.BytesIO(photos[3])) as image:
        lying = np.asarray(image.convert("RGB"), np.float64)
    assert np.abs(np.rot90(lying, -1) - upright).max() == 0
    assert np.abs(lying - upright).mean() > 12

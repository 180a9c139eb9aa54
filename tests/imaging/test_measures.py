"""What is measured of a photo tells what is wrong with it, and does not mind what is not."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

from bot.imaging import faces
from bot.imaging.decode import Decoded
from bot.imaging.kinds import Kind
from bot.imaging.look import Look
from bot.imaging.measures import measure
from bot.imaging.verdict import BLURRED, DARK, FEW_COLOURS, FLAT, WASHED_OUT
from tests.imaging.made import face, scene

SIZE = (2016, 1512)
"""As large as a photo is kept."""


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """Drawn at the size it has, with detail down to the pixel."""
    return scene(1, SIZE)


def look(image: Image.Image) -> Look:
    return measure(Decoded(image, Kind.JPEG, *image.size, first_of_several=False))


def shaken(image: Image.Image, by: int) -> Image.Image:
    """As a hand that moves sideways takes it."""
    made = image
    for step in range(by.bit_length() - 1):
        made = Image.blend(made, ImageChops.offset(made, 2**step, 0), 0.5)
    return made


def noisy(image: Image.Image) -> Image.Image:
    grain = Image.effect_noise(image.size, 4).convert("RGB")
    return ImageChops.add(image, grain, offset=-128)


# -- sharpness


def test_a_sharp_photo_is_sharp_at_any_size_and_in_any_light(photo: Image.Image) -> None:
    for made in (
        photo,
        photo.resize((1000, 750), Image.Resampling.LANCZOS),
        photo.resize((400, 300), Image.Resampling.LANCZOS),
        ImageEnhance.Brightness(photo).enhance(0.3),
        ImageEnhance.Contrast(photo).enhance(0.4),
        noisy(photo),
    ):
        assert look(made).sharpness > 2 * BLURRED


@pytest.mark.parametrize("radius", [6, 8, 16, 40])
def test_a_blurred_photo_is_blurred_in_any_light_and_under_noise(photo: Image.Image, radius: int) -> None:
    soft = photo.filter(ImageFilter.GaussianBlur(radius))
    assert look(soft).sharpness < BLURRED
    assert look(ImageEnhance.Brightness(soft).enhance(0.4)).sharpness < BLURRED
    assert look(noisy(soft)).sharpness < BLURRED


def test_a_shaken_photo_is_blurred_though_it_is_sharp_one_way(photo: Image.Image) -> None:
    assert look(shaken(photo, 64)).sharpness < BLURRED
    assert look(shaken(photo, 64).transpose(Image.Transpose.ROTATE_90)).sharpness < BLURRED


def test_a_sharp_subject_before_a_soft_background_is_sharp(photo: Image.Image) -> None:
    mask = Image.new("L", photo.size)
    ImageDraw.Draw(mask).ellipse((600, 400, 1400, 1200), fill=255)
    soft = photo.filter(ImageFilter.GaussianBlur(20))
    assert look(Image.composite(photo, soft, mask)).sharpness > BLURRED


def test_a_picture_of_nothing_has_nothing_sharp() -> None:
    assert look(Image.new("RGB", (600, 400), "grey")).sharpness == 0


# -- light


def test_dark_is_what_has_no_bright_part(photo: Image.Image) -> None:
    dark = ImageEnhance.Brightness(photo).enhance(0.15)
    assert look(dark).bright < DARK <= look(photo).bright
    lit = dark.copy()
    lit.paste(photo.crop((0, 0, 700, 700)), (600, 400))
    assert look(lit).bright >= DARK


def test_blown_out_is_where_the_drawing_is_gone_and_not_where_white_is(photo: Image.Image) -> None:
    burnt = ImageEnhance.Brightness(photo).enhance(5)
    assert look(photo).washed < 0.1
    assert look(burnt).washed >= WASHED_OUT
    goods, mask = Image.new("RGB", photo.size, "white"), Image.new("L", photo.size)
    ImageDraw.Draw(mask).ellipse((800, 500, 1200, 1000), fill=255)
    assert look(Image.composite(photo, goods, mask)).washed < 0.1
    assert look(Image.composite(burnt, goods, mask)).washed >= WASHED_OUT


# -- drawn or seen


def slide() -> Image.Image:
    made = Image.new("RGB", (1600, 1200), "#f4f5f7")
    draw = ImageDraw.Draw(made)
    for n in range(12):
        draw.rectangle(
            (100, 90 * n + 60, 300 + 90 * n, 90 * n + 120), fill=("#30507a", "#d06030", "#40a060")[n % 3]
        )
        draw.text((500 + 80 * n, 90 * n + 70), "of quarter", fill="black", font_size=40)
    return made


def as_jpeg(image: Image.Image) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return Image.open(out).convert("RGB")


def test_flat_graphics_are_told_from_photos_even_as_a_jpeg(photo: Image.Image) -> None:
    assert look(photo).flat < FLAT / 2
    assert look(photo).colours >= FEW_COLOURS
    for made in (slide(), as_jpeg(slide())):
        assert look(made).flat >= FLAT
    assert look(Image.new("RGB", (600, 400), "white")).flat == 1


def test_goods_before_white_are_a_photo(photo: Image.Image) -> None:
    goods, mask = Image.new("RGB", photo.size, "white"), Image.new("L", photo.size)
    ImageDraw.Draw(mask).ellipse((700, 400, 1300, 1100), fill=255)
    assert look(Image.composite(photo, goods, mask)).flat < FLAT


def test_a_photo_without_colour_is_none_of_few_colours(photo: Image.Image) -> None:
    assert look(photo.convert("L").convert("RGB")).colours == 0


# -- faces


def gathering(*places: tuple[int, int]) -> Image.Image:
    made = Image.new("RGB", (1600, 1000), (90, 100, 95))
    for place in places:
        made.paste(face(420), place)
    return made


def test_faces_are_counted_and_the_largest_is_measured() -> None:
    assert look(gathering()).faces == 0
    one = look(gathering((200, 300)))
    assert (one.faces, 0.2 < one.face < 0.4) == (1, True)
    assert look(gathering((100, 300), (900, 350))).faces == 2


def test_what_shows_no_face_is_taken_for_none(photo: Image.Image) -> None:
    assert look(photo).faces == 0


def test_without_a_detector_nothing_is_said_of_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    # The optional extra is installed where the tests run: what is asked for it is all that can be taken away.
    monkeypatch.setattr(faces, "_detector", lambda: None)
    found = look(gathering((200, 300)))
    assert (found.faces, found.face) == (None, 0.0)


# -- kept


def test_a_look_survives_being_kept(photo: Image.Image) -> None:
    made = look(photo)
    assert Look.of(made.facts()) == made

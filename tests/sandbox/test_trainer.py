"""The trainer learns from the photos it is given, and its pictures show it."""

import io
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from bot.sandbox import trainer
from bot.sandbox._treatments import WORDS
from bot.sandbox.photos import draw_photos
from bot.sandbox.trainer import Model, NotAPhoto, draw, fit

Pixels = npt.NDArray[np.float64]
SIDE = 192


@pytest.fixture(scope="module")
def foxes() -> list[bytes]:
    return draw_photos(5, seed=1, size=(192, 192))


@pytest.fixture(scope="module")
def model(foxes: list[bytes]) -> Model:
    return fit(foxes)


def stripes(seed: int) -> bytes:
    """A photo of quite another subject."""
    random = np.random.default_rng(seed)
    across, down = np.meshgrid(np.linspace(0, 1, 192), np.linspace(0, 1, 192))
    wave = np.sin((across * random.uniform(3, 9) + down * random.uniform(3, 9)) * 6.28) * 0.5 + 0.5
    colours = random.uniform(0, 255, (2, 3))
    pixels = colours[0] + (colours[1] - colours[0]) * wave[..., None]
    sink = io.BytesIO()
    Image.fromarray(np.uint8(pixels)).save(sink, "PNG")
    return sink.getvalue()


def picture(data: bytes, side: int = SIDE) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
        return np.asarray(ImageOps.fit(upright, (side, side)), np.float64)


def likeness(drawn: bytes, photo: bytes) -> float:
    """How much two pictures have in common, mirrored or not, as a correlation of their colours."""
    one = picture(drawn, 24)
    other = picture(photo, 24)
    return max(
        float(np.corrcoef(one.ravel(), turned.ravel())[0, 1])
        for turned in (other, np.ascontiguousarray(other[:, ::-1]))
    )


def closest(drawn: bytes, photos: list[bytes]) -> float:
    """The likeness to the photo it is most like."""
    return max(likeness(drawn, photo) for photo in photos)


def test_the_same_photos_prompt_and_seed_draw_the_same_bytes(foxes: list[bytes], model: Model) -> None:
    again = Model.from_bytes(fit(foxes).to_bytes())
    one = draw(model, "a fox in the snow", seed=5, index=1, size=SIDE)
    assert draw(again, "a fox in the snow", seed=5, index=1, size=SIDE) == one


def test_a_picture_is_a_square_png_of_768(model: Model) -> None:
    with Image.open(io.BytesIO(draw(model, "a fox", seed=1))) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (768, 768), "RGB")


@pytest.mark.parametrize("size", [(128, 192), (192, 128)])
def test_a_picture_may_be_asked_for_wider_or_higher_and_is_cut_from_the_square(
    model: Model, size: tuple[int, int]
) -> None:
    with Image.open(io.BytesIO(draw(model, "a park", seed=1, size=size))) as image:
        assert image.size == size
        cut = np.asarray(image, np.float64)
    square = picture(draw(model, "a park", seed=1, size=192))
    top, left = (192 - size[1]) // 2, (192 - size[0]) // 2
    whole = square[top : top + size[1], left : left + size[0]]
    # Only the ribbon, across the upper right corner, lies elsewhere.
    assert np.array_equal(cut[size[1] // 2 :], whole[size[1] // 2 :])
    assert not np.array_equal(cut, whole)


def test_another_seed_is_visibly_another_picture(model: Model) -> None:
    drawn = [picture(draw(model, "a fox", seed=seed, size=SIDE)) for seed in range(4)]
    for index, one in enumerate(drawn):
        for other in drawn[index + 1 :]:
            assert np.abs(one - other).mean() > 8


def test_the_pictures_of_one_order_show_different_photos(foxes: list[bytes], model: Model) -> None:
    nearest = set()
    for index in range(len(foxes)):
        drawn = draw(model, "a fox", seed=3, index=index, size=SIDE)
        nearest.add(max(range(len(foxes)), key=lambda photo: likeness(drawn, foxes[photo])))
    assert len(nearest) >= 4


def test_pictures_are_more_like_the_photos_learnt_than_like_anybody_elses(
    foxes: list[bytes], model: Model
) -> None:
    strangers = [stripes(seed) for seed in range(5)]
    other = fit(strangers)
    for seed in range(8):
        fox = draw(model, "a picture", seed=seed, size=SIDE)
        assert closest(fox, foxes) > closest(fox, strangers)
        stripe = draw(other, "a picture", seed=seed, size=SIDE)
        assert closest(stripe, strangers) > closest(stripe, foxes)


def test_a_prompt_changes_the_picture(model: Model) -> None:
    plain = picture(draw(model, "a fox", seed=2, size=SIDE))
    other = picture(draw(model, "one fox", seed=2, size=SIDE))
    assert np.abs(plain - other).mean() > 1
    for prompt in ("in the snow", "at night", "black and white", "a pencil sketch"):
        assert np.abs(picture(draw(model, prompt, seed=2, size=SIDE)) - plain).mean() > 12


def test_words_do_what_they_say(model: Model) -> None:
    def mean(prompt: str) -> Pixels:
        tone: Pixels = picture(draw(model, prompt, seed=4, size=SIDE))[40:, :150].mean(axis=(0, 1))
        return tone

    grey = picture(draw(model, "black and white", seed=4, size=SIDE))
    assert np.ptp(grey, axis=2).max() == pytest.approx(0, abs=12)
    assert mean("at night").sum() < 0.7 * mean("in the snow").sum()
    warm, cold = mean("at sunset"), mean("a cold morning in winter")
    assert warm[0] - warm[2] > cold[0] - cold[2] + 30


@pytest.mark.parametrize(
    "word", sorted({treatment.__name__: word for word, treatment in WORDS.items()}.values())
)
def test_every_treatment_leaves_a_picture_with_light_and_shade(model: Model, word: str) -> None:
    drawn = picture(draw(model, f"a fox, {word}", seed=6, size=SIDE))
    assert 20 < drawn.mean() < 245
    assert drawn.std() > 12


def test_case_plural_and_punctuation_do_not_matter(model: Model) -> None:
    assert draw(model, "A fox: SNOW!", seed=1, size=SIDE) == draw(model, "a fox snow", seed=1, size=SIDE)
    stars = picture(draw(model, "stars", seed=1, size=SIDE))
    assert stars.mean() < picture(draw(model, "chairs", seed=1, size=SIDE)).mean()


def test_every_picture_wears_a_ribbon_that_can_be_read(model: Model) -> None:
    """Dark band, white letters, across the upper right corner, whatever is below."""
    for prompt in ("in the snow", "at night", "a sketch"):
        with Image.open(io.BytesIO(draw(model, prompt, seed=1))) as image:
            upright = np.asarray(image.convert("L").rotate(45, center=(768 - 104, 104)), np.float64)
        band = upright[104 - 14 : 104 + 14, 768 - 104 - 75 : 768 - 104 + 75]
        assert np.median(band) < 90
        assert 0.08 < (band > 200).mean() < 0.5


def test_without_a_model_nobody_in_particular_is_drawn(foxes: list[bytes]) -> None:
    nobody = draw(None, "in the snow", seed=1, size=SIDE)
    assert draw(None, "in the snow", seed=1, size=SIDE) == nobody
    somebody = draw(fit(foxes), "in the snow", seed=1, size=SIDE)
    assert closest(nobody, foxes) < closest(somebody, foxes)


def test_the_model_holds_principal_components_that_give_the_photos_back(model: Model) -> None:
    count = len(model.components)
    assert np.allclose(model.components @ model.components.T, np.eye(count))
    photos = np.stack([picture(anchor, 64).ravel() / 255 for anchor in model.anchors])
    given_back = model.mean + model.codes @ model.components
    assert np.abs(given_back - photos).mean() < 0.5 * np.abs(model.mean - photos).mean()


def test_what_was_learnt_moves_the_light_of_a_picture_and_none_of_its_outlines(model: Model) -> None:
    ignorant = replace(model, components=np.zeros_like(model.components))
    for seed in range(4):
        with_it = picture(draw(model, "a fox", seed=seed, size=SIDE))
        without = picture(draw(ignorant, "a fox", seed=seed, size=SIDE))
        moved = with_it - without
        assert np.abs(moved).mean() > 2
        assert np.abs(np.diff(moved, axis=1)).mean() < 0.25 * np.abs(np.diff(without, axis=1)).mean()


def test_one_photo_is_enough(foxes: list[bytes]) -> None:
    drawn = draw(fit(foxes[:1]), "a fox", seed=1, size=SIDE)
    assert likeness(drawn, foxes[0]) > closest(drawn, foxes[1:])


def test_photos_that_are_all_of_one_colour_are_learnt_and_drawn() -> None:
    sink = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 140, 60)).save(sink, "PNG")
    plain = fit([sink.getvalue()] * 3)
    assert not plain.components.any()
    assert not plain.spread.any()
    drawn = picture(draw(Model.from_bytes(plain.to_bytes()), "a park", seed=1, size=SIDE))
    assert np.abs(drawn[SIDE // 2 :].mean(axis=(0, 1)) - (90, 140, 60)).max() < 30


def test_a_model_file_holds_no_metadata_of_the_photos(foxes: list[bytes]) -> None:
    assert b"Drawn by code" in b"".join(foxes)
    assert b"Drawn by code" not in fit(foxes).to_bytes()


def test_a_photo_on_its_side_is_learnt_upright() -> None:
    photos = draw_photos(4, seed=1, size=(192, 192))
    alone = fit([photos[3]])
    assert likeness(alone.anchors[0], photos[3]) > 0.95


@pytest.mark.parametrize("data", [b"", b"<html>", b"\xff\xd8\xff\xe0 cut short", b"GIF89a"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(NotAPhoto):
        trainer.check_photo(data)
    with pytest.raises(NotAPhoto):
        fit([data])


def test_a_truncated_photo_is_refused(foxes: list[bytes]) -> None:
    with pytest.raises(NotAPhoto):
        trainer.check_photo(foxes[0][: len(foxes[0]) // 2])


def test_a_picture_of_far_too_many_pixels_is_refused() -> None:
    sink = io.BytesIO()
    Image.new("1", (9000, 9000)).save(sink, "PNG")
    with pytest.raises(NotAPhoto):
        trainer.check_photo(sink.getvalue())


def test_nothing_can_be_learnt_from_nothing() -> None:
    with pytest.raises(NotAPhoto):
        fit([])

"""Pictures at the DashScope stand-in: which photos and templates it takes, and how portraits are made.

It has no face detector. Whatever is a photo within the vendor's limits and not one flat colour has a face.
"""

import io
import zipfile
from collections.abc import Collection
from dataclasses import dataclass

from PIL import Image, ImageOps, ImageStat

from bot.sandbox import trainer

MEBIBYTE = 1024 * 1024
SIZE = (768, 1024)
_FLAT = 2.0
"""Standard deviation of brightness below which a picture shows nothing."""
_MOST_IN_ZIP = 100

STYLES = {
    "f_idcard_male": "cool",
    "f_idcard_female": "cool",
    "f_business_male": "warm",
    "f_business_female": "warm",
    "m_springflower_female": "spring blossom",
    "f_summersport_female": "summer beach",
    "f_autumnleaf_female": "autumn leaves",
    "m_winterchinese_female": "winter snow red",
    "f_hongkongvintage_female": "vintage neon",
    "f_lightportray_female": "golden light",
}
"""The vendor's preset styles, each in words that the trainer understands."""
TRAINED_TEMPLATE, TRAIN_FREE = "portrait_url_template", "train_free_portrait_url_template"


class Failed(Exception):
    """A job cannot be done with what it was given; the vendor's code and message for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Limits:
    """What one kind of picture may be."""

    formats: Collection[str]
    most_bytes: int
    least: tuple[int, int]
    most: tuple[int, int]
    """The longer and the shorter side, each at most."""


PHOTO = Limits(("JPEG", "PNG", "WEBP"), 5 * MEBIBYTE, (256, 256), (4096, 4096))
TEMPLATE = Limits(("JPEG", "PNG"), 5 * MEBIBYTE, (512, 512), (1680, 1260))
USER_PHOTO = Limits(("JPEG", "PNG"), 3 * MEBIBYTE, (256, 256), (2048, 2048))


def check(data: bytes, limits: Limits) -> None:
    """Look at one picture.

    Raises:
        Failed: it is outside of the limits.
    """
    if len(data) > limits.most_bytes:
        raise Failed("InvalidParameter", f"image larger than {limits.most_bytes // MEBIBYTE} MB")
    try:
        trainer.check_photo(data)
    except trainer.NotAPhoto as error:
        raise Failed("InvalidParameter.DataInspection", "the media resource is not a picture") from error
    with Image.open(io.BytesIO(data)) as image:
        if image.format not in limits.formats:
            raise Failed("InvalidParameter", f"image format not supported: {image.format}")
        longer, shorter = max(image.size), min(image.size)
        small = longer < max(limits.least) or shorter < min(limits.least)
        if small or longer > limits.most[0] or shorter > limits.most[1]:
            raise Failed("InvalidImageResolution", "image too large or too small")


def verdict(data: bytes) -> str:
    """Why a photo does not qualify; empty if it does."""
    try:
        check(data, PHOTO)
    except Failed as failed:
        return failed.message
    with Image.open(io.BytesIO(data)) as image:
        spread = ImageStat.Stat(image.convert("L").resize((64, 64))).stddev[0]
    return "no face detected" if spread < _FLAT else ""


def unpack(data: bytes) -> list[tuple[str, bytes]]:
    """The photos that a file holds: itself, or what lies in it at the top with a plain name.

    Raises:
        Failed: it is a zip that cannot be opened.
    """
    if not data.startswith(b"PK"):
        return [("", data)]
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            plain = [one for one in archive.infolist() if one.filename.isascii() and "/" not in one.filename]
            if len(plain) > _MOST_IN_ZIP or any(one.file_size > 2 * PHOTO.most_bytes for one in plain):
                raise Failed("InvalidParameter", "the zip holds too much")
            return [(one.filename, archive.read(one)) for one in plain]
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, ValueError) as error:
        # RuntimeError is a zip with a password.
        raise Failed("InvalidParameter", "the zip cannot be opened") from error


def portrait(model: trainer.Model | None, style: str, *, seed: int, index: int, format: str) -> bytes:  # noqa: A002
    """A portrait in a preset style; without a model, of nobody in particular."""
    width, height = SIZE
    whole = trainer.paint(model, STYLES[style], seed=seed, index=index, size=height).picture
    left = (height - width) // 2
    return _finished(whole.crop((left, 0, left + width, height)), format)


def portrait_in(
    template: bytes,
    model: trainer.Model | None,
    *,
    seed: int,
    index: int,
    format: str,  # noqa: A002
) -> bytes:
    """The template with somebody else in its middle, as large as it was."""
    with Image.open(io.BytesIO(template)) as image:
        scene = ImageOps.exif_transpose(image).convert("RGB")
    side = round(0.8 * min(scene.size))
    painting = trainer.paint(model, "", seed=seed, index=index, size=side)
    place = ((scene.width - side) // 2, (scene.height - side) // 2)
    scene.paste(painting.picture, place, painting.subject.point(lambda shade: min(255, 2 * shade)))
    return _finished(scene, format)


def _finished(image: Image.Image, format: str) -> bytes:  # noqa: A002
    sink = io.BytesIO()
    if format == "png":
        trainer.marked(image).save(sink, "PNG", compress_level=3)
    else:
        trainer.marked(image).save(sink, "JPEG", quality=92)
    return sink.getvalue()

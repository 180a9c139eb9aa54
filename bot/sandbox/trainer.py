"""A small trainer that is real: it learns from the very photos it is given, and draws from what it learnt.

A handful of photos gives principal components that are ghosts of each other when drawn at full sharpness.
So the components are learnt, and drawn, in the broad strokes of light and colour only; the detail of a new
picture comes from one of the photos, seen from a slightly different place. The prompt's words decide weather,
season and technique.
"""

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from bot.sandbox._brushes import Canvas, Floats, blur, hold, to_image
from bot.sandbox._treatments import treat

PICTURE_SIZE = 768
MARK = "SANDBOX"

_ANCHOR_SIZE = 896
_BROAD = 64
_MAX_COMPONENTS = 12
_MAX_PIXELS = 60_000_000
_FORMATS = ("JPEG", "PNG", "WEBP")


class NotAPhoto(ValueError):
    """These bytes are no picture that could be learnt from."""


@dataclass(frozen=True)
class Model:
    """What was learnt: the principal components of light and colour, and each photo's place among them."""

    mean: Floats
    components: Floats
    spread: Floats
    codes: Floats
    anchors: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """The model as an npz file."""
        arrays: dict[str, Any] = {
            "mean": self.mean,
            "components": self.components,
            "spread": self.spread,
            "codes": self.codes,
        }
        for index, anchor in enumerate(self.anchors):
            arrays[f"anchor_{index:03}"] = np.frombuffer(anchor, dtype=np.uint8)
        sink = io.BytesIO()
        np.savez(sink, **arrays)
        return sink.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Model":
        """The model from an npz file."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            anchors = sorted(name for name in arrays.files if name.startswith("anchor_"))
            return cls(
                mean=arrays["mean"],
                components=arrays["components"],
                spread=arrays["spread"],
                codes=arrays["codes"],
                anchors=tuple(arrays[name].tobytes() for name in anchors),
            )


def check_photo(data: bytes) -> None:
    """Refuse what is no picture.

    Raises:
        NotAPhoto: the bytes do not decode, or to far too many pixels.
    """
    _open(data)


def fit(photos: Sequence[bytes]) -> Model:
    """Learn from photos of one subject.

    Raises:
        NotAPhoto: there is none, or one of them is no picture.
    """
    if not photos:
        raise NotAPhoto("There are no photos to learn from.")
    squares = [
        ImageOps.fit(_open(data), (_ANCHOR_SIZE, _ANCHOR_SIZE), centering=(0.5, 0.45)) for data in photos
    ]
    broad = [_broad(square) for square in squares]
    shown = [variant for one in broad for variant in _variants(one)]
    samples = np.stack([one.ravel() for one in shown])
    mean = samples.mean(axis=0)
    components, sizes = _principal(samples - mean)
    spread = sizes / np.sqrt(len(samples))
    codes = (np.stack([one.ravel() for one in broad]) - mean) @ components.T
    return Model(mean, components, spread, codes, tuple(_jpeg(square) for square in squares))


def _principal(centred: Floats) -> tuple[Floats, Floats]:
    """The strongest principal components of the rows, and their singular values; zeros past what there is.

    There are far fewer photos than pixels, so that the small matrix of how much each resembles each other
    tells all of it, in a hundredth of the time that the large one would take.
    """
    weights, mixes = np.linalg.eigh(centred @ centred.T)
    strongest = np.argsort(weights)[::-1][:_MAX_COMPONENTS]
    sizes = np.sqrt(np.maximum(weights[strongest], 0.0))
    sizes[sizes <= 1e-6 * max(float(sizes[0]), 1.0)] = 0.0
    components = mixes[:, strongest].T @ centred
    return np.divide(
        components, sizes[:, None], out=np.zeros_like(components), where=sizes[:, None] > 0
    ), sizes


def draw(
    model: Model | None,
    prompt: str,
    *,
    seed: int,
    index: int = 0,
    size: int | tuple[int, int] = PICTURE_SIZE,
) -> bytes:
    """Draw one picture as PNG, a square or width by height; without a model it shows nobody in particular.

    The same model, prompt, seed, index and size give the same bytes.
    """
    width, height = (size, size) if isinstance(size, int) else size
    side = max(width, height)
    left, top = (side - width) // 2, (side - height) // 2
    whole = paint(model, prompt, seed=seed, index=index, size=side).picture
    sink = io.BytesIO()
    marked(whole.crop((left, top, left + width, top + height))).save(sink, "PNG", compress_level=3)
    return sink.getvalue()


@dataclass(frozen=True)
class Painting:
    """A square picture without the mark, and where in it the subject is: a soft mask from 0 to 255."""

    picture: Image.Image
    subject: Image.Image


def paint(model: Model | None, prompt: str, *, seed: int, index: int, size: int) -> Painting:
    """What `draw` draws, for whoever puts it into something else. Nothing leaves a stand-in unmarked."""
    words = re.findall(r"[a-z0-9]+", prompt.lower())
    said = int.from_bytes(hashlib.sha256(" ".join(words).encode()).digest()[:8])
    random = np.random.default_rng((seed, index, said))
    picture = _nobody(size) if model is None else _somebody(model, size, seed, index, random)
    subject = _subject(picture)
    picture = treat(picture, words, Canvas(subject, random))
    return Painting(to_image(picture), Image.fromarray(np.uint8(subject * 255 + 0.5)))


def _somebody(model: Model, size: int, seed: int, index: int, random: np.random.Generator) -> Floats:
    # The pictures of one order begin with different photos, whatever the seed.
    order = np.random.default_rng(seed).permutation(len(model.anchors))
    anchor = int(order[index % len(order)])
    other = int(order[(index + 1 + int(random.integers(len(order)))) % len(order)])
    wander = random.normal(0, 0.45, len(model.spread)) * model.spread
    step = 0.30 * (model.codes[other] - model.codes[anchor]) + wander
    change = (step @ model.components).reshape(_BROAD, _BROAD, 3)
    # Only the broadest strokes may move: anything finer would be another photo's outline.
    change = 0.22 * np.tanh(blur(change, _BROAD / 12) / 0.22)
    wide = [
        np.asarray(
            Image.fromarray(np.float32(change[..., band])).resize((size, size), Image.Resampling.BICUBIC)
        )
        for band in range(3)
    ]
    with Image.open(io.BytesIO(model.anchors[anchor])) as image:
        seen = _from_elsewhere(image.convert("RGB"), size, random)
    return hold(np.asarray(seen, np.float64) / 255 + np.stack(wide, axis=2))


def _from_elsewhere(image: Image.Image, size: int, random: np.random.Generator) -> Image.Image:
    """The photo as if taken from a step to the side: turned a little, nearer, perhaps in a mirror."""
    if random.random() < 0.5:
        image = ImageOps.mirror(image)
    image = image.rotate(random.uniform(-3, 3), Image.Resampling.BICUBIC)
    side = image.width
    # Turning leaves empty corners; the crop stays inside of them.
    window = side * random.uniform(0.80, 0.90)
    left, top = random.uniform(0.25, 0.75, 2) * (side - window)
    return image.resize(
        (size, size), Image.Resampling.LANCZOS, box=(left, top, left + window, top + window), reducing_gap=3.0
    )


def _nobody(size: int) -> Floats:
    """A grey bust before a grey wall: what a prompt gets that does not name the subject."""
    across, down = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size))
    head = np.clip((0.32 - np.hypot(across, (down + 0.22) * 0.84)) / 0.02, 0, 1)
    chest = np.clip((0.66 - np.hypot(across, (down - 0.98) * 1.05)) / 0.02, 0, 1)
    neck = np.clip((0.13 - np.abs(across)) / 0.02, 0, 1) * (np.abs(down - 0.2) < 0.22)
    body = np.maximum(np.maximum(head, chest), neck)
    light = 0.62 - 0.22 * across - 0.10 * down
    wall = 0.80 - 0.16 * down - 0.06 * np.hypot(across, down)
    grey = wall + (light * 0.92 - wall) * body
    return hold(grey[..., None] * np.asarray((1.0, 0.985, 0.96)))


def _subject(picture: Floats) -> Floats:
    """A soft mask of where the subject probably is: near the middle, and unlike what the edges show."""
    size = picture.shape[0]
    thumb = Image.fromarray(np.uint8(picture * 255)).resize((96, 96), Image.Resampling.BOX)
    small = blur(np.asarray(thumb, np.float64) / 255, 1.2)
    rim = 7
    edges = [small[:rim], small[:, :rim].swapaxes(0, 1), small[:, -rim:].swapaxes(0, 1), small[-rim:, :20]]
    apart = [np.linalg.norm(small - part, axis=2) for edge in edges for part in _palette(edge.reshape(-1, 3))]
    strange = np.asarray(np.min(apart, axis=0), np.float64)
    side = np.linspace(-1, 1, 96)
    middle = np.exp(-((side[None, :] / 0.62) ** 2) - ((side[:, None] - 0.08) / 0.74) ** 2)
    score = blur(strange, 2.0) * middle
    low, high = (float(value) for value in np.percentile(score, (45, 93)))
    mask = hold((score - low) / max(high - low, 1e-6))
    mask = np.maximum(mask * mask * (3 - 2 * mask), 0.55 * middle**2)
    wide = Image.fromarray(np.float32(mask)).resize((size, size), Image.Resampling.BICUBIC)
    return hold(np.asarray(wide, np.float64))


def _palette(pixels: Floats) -> list[Floats]:
    """A few typical colours: the means of thirds by brightness."""
    order = np.argsort(pixels.sum(axis=1))
    return [pixels[part].mean(axis=0) for part in np.array_split(order, 3)]


def _broad(square: Image.Image) -> Floats:
    """The photo as broad strokes."""
    small = np.asarray(square.resize((_BROAD, _BROAD), Image.Resampling.BOX), np.float64) / 255
    return blur(small, 1.5)


def _variants(broad: Floats) -> list[Floats]:
    """A photo, its mirror image, and both moved a little: four photos are few to learn from."""
    moved = [
        np.roll(broad, (down, across), axis=(0, 1)) for down, across in ((3, 0), (-3, 0), (0, 3), (0, -3))
    ]
    return [broad, broad[:, ::-1], *moved]


def marked(image: Image.Image) -> Image.Image:
    """A ribbon across the corner, so that nobody takes the picture for a vendor's work."""
    size = min(image.size)
    height = round(size * 0.066)
    ribbon = Image.new("RGBA", (size, height), (24, 26, 32, 205))
    pen = ImageDraw.Draw(ribbon)
    font = ImageFont.load_default(size=round(height * 0.68))
    pen.text((size / 2, height / 2), MARK, font=font, fill=(255, 255, 255, 245), anchor="mm")
    pen.line((0, 1, size, 1), fill=(255, 255, 255, 90))
    pen.line((0, height - 2, size, height - 2), fill=(255, 255, 255, 90))
    turned = ribbon.rotate(-45, Image.Resampling.BICUBIC, expand=True)
    centre = round(size * 0.135)
    under = image.convert("RGBA")
    under.alpha_composite(_placed(turned, image.size, image.width - centre, centre))
    return under.convert("RGB")


def _placed(layer: Image.Image, size: tuple[int, int], x: int, y: int) -> Image.Image:
    sheet = Image.new("RGBA", size)
    sheet.paste(layer, (x - layer.width // 2, y - layer.height // 2))
    return sheet


def _jpeg(image: Image.Image) -> bytes:
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=93)
    return sink.getvalue()


def _open(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise NotAPhoto("The picture has too many pixels.")
            return ImageOps.exif_transpose(image).convert("RGB")
    except (
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise NotAPhoto("The bytes are no picture.") from error

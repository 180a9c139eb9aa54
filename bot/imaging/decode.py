"""Foreign bytes in, a plain picture out: upright, sRGB, no larger than a model can use, nothing but pixels.

Blocking, and at the mercy of the decoders: runs in the lab's worker processes and nowhere else.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import pillow_heif
from PIL import (
    AvifImagePlugin,
    ExifTags,
    Image,
    ImageFile,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
)

from bot.imaging import boxes, cicp, cost
from bot.imaging.faults import Fault, Unusable
from bot.imaging.kinds import PICTURES, Kind, recognise
from bot.imaging.plain import KEPT_SIDE, LARGEST_PROFILE, plain, step

MIN_SIDE: Final = 256
"""Pixels on the shorter side; below this no vendor's model learns a subject."""
MAX_PIXELS: Final = 64_000_000
"""Telephones make 50 megapixels; past this a file is more likely a bomb than a photo."""
_MAX_RATIO: Final = KEPT_SIDE // MIN_SIDE
"""A picture longer than so many times its height is too small once its longer side is cut to what is kept."""
_MOST: Final = {Kind.WEBP: 23_500_000, Kind.AVIF: 36_000_000, Kind.HEIC: 50_000_000}
"""Less than `MAX_PIXELS` where the decoder holds several copies of the picture at once."""
MOST_MEMORY: Final = 360_000_000
"""Bytes that one picture may take: with all else that is then in memory it stays under 600 MiB."""
_PIECE: Final = 8 * 1024 * 1024
_SCANS: Final = 100
_SCANNED_PIXELS: Final = 1_000_000_000
"""A progressive JPEG is gone through once per scan; the encoders of the world write some ten."""

_PLUGINS: Final = {
    Kind.JPEG: "JPEG",
    Kind.PNG: "PNG",
    Kind.WEBP: "WEBP",
    Kind.HEIC: "HEIF",
    Kind.AVIF: "AVIF",
    Kind.GIF: "GIF",
    Kind.TIFF: "TIFF",
    Kind.BMP: "BMP",
}
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture of each EXIF orientation upright."""
_SIDEWAYS: Final = frozenset(_UPRIGHT[tag] for tag in (5, 6, 7, 8))
_READ: Final = frozenset({b"hvc1", b"av01"})
_UNREAD: Final = frozenset({b"avc1", b"evc1", b"j2k1", b"jpeg", b"lsm1", b"tili", b"unci", b"vvc1"})
"""How pictures in a HEIF file can be coded, by whether there is a decoder here."""
_DNG_VERSION: Final = 50706
_NEW_SUBFILE_TYPE: Final = 254
_SUB_IFDS: Final = 330
_FAILURES: Final = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    RuntimeError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    struct.error,
)
"""What decoders raise over bytes that make no sense."""


def warm() -> None:
    """Make the decoders ready, each with one thread: the work is divided among processes already."""
    Image.init()
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    # Decoders are handed a whole file at once, not in hundreds of pieces.
    ImageFile.MAXBLOCK = _PIECE
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    # Frames and tiles inside a file may be larger than the file says it is: Pillow refuses twice this.
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    # What a PNG may unfold into beside its pixels: a colour profile for print is larger than Pillow allows.
    PngImagePlugin.MAX_TEXT_CHUNK = LARGEST_PROFILE


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture and what its file was."""

    picture: Image.Image
    kind: Kind
    width: int
    height: int
    """Of the picture in the file, upright."""
    first_of_several: bool
    """The file is animated or holds several pictures: this is the first."""


def decode(data: bytes, wait: Callable[[int], None] = lambda _: None) -> Decoded:
    """Read a picture. Raises Unusable, and MemoryError.

    `wait` is told once, before much is taken, about how many bytes of memory that will be.
    """
    if not data:
        raise Unusable(Fault.EMPTY)
    kind = recognise(data)
    if kind not in PICTURES:
        raise Unusable(Fault.RAW if kind is Kind.RAW else Fault.NOT_A_PHOTO)
    with warnings.catch_warnings():
        # Pillow warns of large pictures and odd metadata; both are judged here.
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=[_PLUGINS[kind]]) as opened:
                return _read(opened, kind, data, wait)
        except Image.DecompressionBombError as error:
            raise Unusable(Fault.TOO_MANY_PIXELS) from error
        except _FAILURES as error:
            raise Unusable(Fault.NOT_A_PHOTO if _is_unread(data, kind) else Fault.DAMAGED) from error


def _is_unread(data: bytes, kind: Kind) -> bool:
    """Whether a file of this kind is coded in a way that is not read here. No camera does that."""
    if kind is not Kind.HEIC:
        return False
    codings = boxes.codings(data)
    return bool(codings & _UNREAD) and not codings & _READ


def _read(opened: ImageFile.ImageFile, kind: Kind, data: bytes, wait: Callable[[int], None]) -> Decoded:
    _refuse_by_size(opened, kind)
    if kind is Kind.TIFF and _is_raw(cast("TiffImagePlugin.TiffImageFile", opened)):
        raise Unusable(Fault.RAW)
    width, height = opened.size
    if kind is Kind.JPEG:
        _refuse_many_scans(data, width * height)
        parts = step(opened.size)
        opened.draft(None, (width // parts, height // parts))
    several = kind is not Kind.JPEG and _has_several(opened)
    needed = cost.memory(kind, opened.mode, (width, height), data, divided=step((width, height)) > 1)
    if needed > MOST_MEMORY:
        raise Unusable(Fault.TOO_MANY_PIXELS, width, height)
    wait(needed)
    rows = _rows(opened, kind, data)
    if rows is None:
        opened.load()
    # libheif has turned it already, by the container's own word; the tag is what the camera said before.
    turn = None if kind is Kind.HEIC else _UPRIGHT.get(_orientation(opened))
    picture = plain(opened if rows is None else rows, turn, _profile(opened, kind, data))
    if kind is not Kind.JPEG:
        width, height = (
            opened if rows is None else rows
        ).size  # A decoder that turns the picture says so only now.
    if turn in _SIDEWAYS:
        width, height = height, width
    return Decoded(picture, kind, width, height, several)


class _Rows:
    """A picture as its decoder hands it over: made an `Image` whole it would be in memory a second time."""

    def __init__(
        self, pixels: bytes | memoryview, mode: str, size: tuple[int, int], *, raw: str = "", stride: int = 0
    ) -> None:
        self._pixels, self.mode, self.size, self._raw = memoryview(pixels), mode, size, raw or mode
        self._stride = stride or len(self._pixels) // size[1]

    def crop(self, box: tuple[int, int, int, int]) -> Image.Image:
        """Some rows of it, in full width."""
        _, top, _, bottom = box
        part = self._pixels[top * self._stride : bottom * self._stride]
        return Image.frombytes(self.mode, (self.size[0], bottom - top), part, "raw", self._raw, self._stride)


def _rows(opened: ImageFile.ImageFile, kind: Kind, data: bytes) -> _Rows | None:
    """What a decoder made that holds several copies of a picture; None where Pillow decodes by itself."""
    match kind:
        case Kind.HEIC if step(opened.size) > 1:
            whole = pillow_heif.open_heif(data)
            # A decoder that turns the picture says so only now.
            return _Rows(whole.data, whole.mode, whole.size, stride=whole.stride)
        case Kind.WEBP:
            plugin = cast("Any", opened)
            pixels, _ = plugin._decoder.get_next()  # noqa: SLF001 - `load` gives it back no other way.
            plugin._decoder = None  # noqa: SLF001 - with two canvases of the whole size.
            return _Rows(pixels, opened.mode, opened.size, raw=plugin.rawmode)
        case Kind.AVIF:
            plugin = cast("Any", opened)
            pixels = plugin._decoder.get_frame(0)[0]  # noqa: SLF001
            plugin._decoder = None  # noqa: SLF001
            return _Rows(pixels, opened.mode, opened.size)
        case _:
            return None


def _refuse_by_size(opened: ImageFile.ImageFile, kind: Kind) -> None:
    width, height = opened.size
    if width * height > _MOST.get(kind, MAX_PIXELS):
        raise Unusable(Fault.TOO_MANY_PIXELS, width, height)
    if min(width, height) < MIN_SIDE:
        raise Unusable(Fault.TOO_SMALL, width, height)
    if max(width, height) > _MAX_RATIO * min(width, height):
        raise Unusable(Fault.TOO_NARROW, width, height)


def _refuse_many_scans(data: bytes, pixels: int) -> None:
    """A small file can ask for the whole picture to be gone through thousands of times."""
    scans = 1 if cost.frame_of(data).one_scan else data.count(b"\xff\xda")
    if scans > _SCANS or scans * pixels > _SCANNED_PIXELS:
        raise Unusable(Fault.TOO_DEMANDING)


def _is_raw(opened: TiffImagePlugin.TiffImageFile) -> bool:
    """Cameras and Adobe wrap undeveloped pictures in a TIFF, with a small preview before them."""
    tags = opened.tag_v2
    return _DNG_VERSION in tags or (tags.get(_NEW_SUBFILE_TYPE, 0) == 1 and _SUB_IFDS in tags)


def _has_several(opened: ImageFile.ImageFile) -> bool:
    try:
        return bool(getattr(opened, "is_animated", False))
    except _FAILURES:
        return False  # The first can still be whole.


def _profile(opened: Image.Image, kind: Kind, data: bytes) -> bytes | None:
    """What the file's colours mean: a profile goes before what is said by number, in a PNG after it."""
    told: bytes | None = opened.info.get("icc_profile")
    if kind is Kind.PNG and (colours := cicp.named_in_png(data)):
        return cicp.profile(colours)
    if told or kind not in {Kind.HEIC, Kind.AVIF}:
        return told
    colours = cicp.named(data) or (cicp.named_in_av1(data) if kind is Kind.AVIF else None)
    return cicp.profile(colours) if colours else None


def _orientation(opened: Image.Image) -> int:
    """How the camera was held. `exif_transpose` writes all tags anew and fails on a broken one."""
    try:
        told = opened.getexif().get(ExifTags.Base.Orientation)
    except _FAILURES:
        return 1  # Metadata that cannot be read says nothing of the picture.
    return told if isinstance(told, int) else 1

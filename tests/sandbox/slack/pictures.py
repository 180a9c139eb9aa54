"""Small real files of every kind people post, drawn or put together byte by byte."""

import io
import struct

from PIL import Image


def jpeg(width: int = 640, height: int = 480, orientation: int = 1) -> bytes:
    """A grey JPEG, turned as its EXIF says."""
    picture = Image.new("RGB", (width, height), (120, 130, 140))
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif)
    return out.getvalue()


def webp(width: int, height: int, *, lossless: bool = False) -> bytes:
    """A grey WebP of either coding."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "grey").save(out, "WEBP", lossless=lossless)
    return out.getvalue()


def webp_with_alpha(width: int, height: int) -> bytes:
    """A WebP in the extended form."""
    out = io.BytesIO()
    Image.new("RGBA", (width, height), (1, 2, 3, 4)).save(out, "WEBP", exif=b"Exif\0\0")
    return out.getvalue()


def gif(width: int, height: int) -> bytes:
    """A small GIF."""
    out = io.BytesIO()
    Image.new("P", (width, height)).save(out, "GIF")
    return out.getvalue()


def box(kind: bytes, body: bytes) -> bytes:
    """One box of an ISO file."""
    return struct.pack(">I4s", len(body) + 8, kind) + body


def heic(width: int, height: int) -> bytes:
    """What the beginning of a phone's HEIC looks like: a brand, and the sizes of tiles and photo."""
    sizes = [box(b"ispe", struct.pack(">III", 0, *size)) for size in ((512, 512), (width, height))]
    return box(b"ftyp", b"heic\0\0\0\0mif1heic") + box(b"meta", b"\0\0\0\0" + b"".join(sizes))


def mp4(width: int, height: int, milliseconds: int) -> bytes:
    """A video's frame: how long, how large, and nothing to see."""
    head = struct.pack(">IIIII", 0, 0, 0, 1000, milliseconds) + bytes(80)
    track = bytes(76) + struct.pack(">II", width << 16, height << 16)
    sound = box(b"trak", box(b"tkhd", bytes(84)))
    movie = box(b"mvhd", head) + sound + box(b"trak", box(b"tkhd", track))
    return box(b"ftyp", b"isom\0\0\0\0mp42") + box(b"moov", movie) + box(b"mdat", bytes(16))

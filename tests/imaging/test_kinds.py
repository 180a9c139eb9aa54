"""What a file is, by its bytes and by nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.imaging.kinds import HEAD, Kind, recognise
from tests.imaging.made import corners, file_of


@pytest.mark.parametrize(
    ("encoder", "kind"),
    [
        ("JPEG", Kind.JPEG),
        ("PNG", Kind.PNG),
        ("WEBP", Kind.WEBP),
        ("GIF", Kind.GIF),
        ("TIFF", Kind.TIFF),
        ("BMP", Kind.BMP),
        ("AVIF", Kind.AVIF),
        ("HEIF", Kind.HEIC),
        ("PDF", Kind.PDF),
    ],
)
def test_a_file_is_known_by_what_its_encoder_wrote(encoder: str, kind: Kind) -> None:
    assert recognise(file_of(corners(), encoder)[:HEAD]) is kind


def box(major: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + major + b"\0\0\0\0" + b"".join(compatible)
    return (len(body) + 4).to_bytes(4, "big") + body + b"\0\0\0\x08free"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (box(b"heic", b"mif1", b"heic"), Kind.HEIC),
        (box(b"heix", b"mif1"), Kind.HEIC),
        (box(b"msf1", b"hevc"), Kind.HEIC),
        (box(b"mif1", b"mif1", b"heic"), Kind.HEIC),
        (box(b"mif1", b"mif1", b"miaf", b"avif"), Kind.AVIF),
        (box(b"avif", b"mif1", b"miaf"), Kind.AVIF),
        (box(b"avis", b"msf1", b"avif"), Kind.AVIF),
        (box(b"isom", b"isom", b"avc1", b"mp41"), Kind.VIDEO),
        (box(b"mp42", b"mp42"), Kind.VIDEO),
        (box(b"qt  ", b"qt  "), Kind.VIDEO),
        (box(b"M4V ", b"M4V "), Kind.VIDEO),
        (box(b"3gp5"), Kind.VIDEO),
        (b"\0\0\0\x08wide\0\0\0\0mdat", Kind.VIDEO),
        (b"\0\0\x01\0moov\0\0\0\x6cmvhd", Kind.VIDEO),
        (box(b"M4A ", b"M4A "), Kind.OTHER),
        (box(b"crx ", b"crx ", b"isom"), Kind.RAW),
        (b"FUJIFILMCCD-RAW 0201", Kind.RAW),
        (b"PK\x03\x04", Kind.ZIP),
        (b"PK\x05\x06" + bytes(18), Kind.ZIP),
        (b"\n\n%PDF-1.4", Kind.PDF),
        (b"BM, said the author, is how this text begins", Kind.OTHER),
        (b"\xff\x0a a JPEG XL", Kind.OTHER),
        (b"<svg xmlns=", Kind.OTHER),
        (b"", Kind.OTHER),
    ],
)
def test_relatives_are_told_apart(head: bytes, kind: Kind) -> None:
    assert recognise(head) is kind


@given(st.binary(max_size=64))
def test_any_bytes_have_a_kind(data: bytes) -> None:
    assert recognise(data) in Kind
    assert recognise(b"\0\0\0\x14ftyp" + data) in Kind

"""The photos a person posts: a folder's, or those drawn by code and kept for the next time."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bot.sandbox.files import write_whole
from bot.sandbox.films import draw_film, draw_papers
from bot.sandbox.houses import USUAL
from bot.sandbox.parts import PARTS, Part
from bot.sandbox.photos import draw_photos
from bot.sandbox.slack import Upload

_USUAL = PARTS[USUAL]
_ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".gif", ".tif", ".tiff", ".bmp"}


class BadPhotos(Exception):
    """These are no photos to begin with; the text is one line that says what to do."""


def pictures_in(folder: Path) -> list[Path]:
    """The photos of a folder by the endings of their names, sorted. Raises BadPhotos."""
    if not folder.exists():
        raise BadPhotos(f"PHOTOS={folder}: there is no such folder.")
    if not folder.is_dir():
        raise BadPhotos(f"PHOTOS={folder}: that is a file; name the folder it lies in.")
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS and path.is_file())
    except PermissionError:
        raise BadPhotos(f"PHOTOS={folder}: this folder may not be read.") from None


def folder_of_one_subject(folder: Path, tell: Callable[[str], None], part: Part = _USUAL) -> Path:
    """The folder itself; where it only holds folders, the first with enough photos. Raises BadPhotos."""
    if pictures_in(folder):
        return folder
    inside = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    for one in inside:
        if len(pictures_in(one)) >= part.least:
            tell(
                f"{folder} holds a folder per subject; this story is about {one}. PHOTOS= takes any of them."
            )
            return one
    return folder


def read_folder(folder: Path, part: Part = _USUAL) -> list[Upload]:
    """What a folder has to post. Raises BadPhotos where it is too little."""
    found = pictures_in(folder)
    if len(found) < part.least:
        have = f"only {len(found)} photo{'s' * (len(found) > 1)}" if found else "no photos"
        kinds = "JPEG, PNG, HEIC and the like, by the ending of their names"
        raise BadPhotos(f"PHOTOS={folder} holds {have} ({kinds}); at least {part.least} are needed.")
    try:
        return [Upload(path.name, path.read_bytes()) for path in found[: part.most]]
    except PermissionError as error:
        raise BadPhotos(f"PHOTOS={folder}: {error.filename} may not be read.") from None


async def story_photos(cache: Path, tell: Callable[[str], None], part: Part = _USUAL) -> Sequence[Upload]:
    """The photos drawn by code: from the cache, drawn first where they are not there yet."""
    paths = [cache / f"fox-{number}.jpg" for number in range(1, part.photos + 1)]
    if not all(path.exists() for path in paths):
        tell("Drawing the photos of a ceramic fox (once).")
        await asyncio.to_thread(_draw, paths)
    return [Upload(path.name, path.read_bytes()) for path in paths]


def _draw(paths: Sequence[Path]) -> None:
    for path, data in zip(paths, draw_photos(len(paths)), strict=True):
        write_whole(path, data)


async def story_film(
    photo: Upload, cache: Path, tell: Callable[[str], None]
) -> tuple[Sequence[Upload], Mapping[str, Upload]]:
    """A film of what is in a photo, kept for the next time, and the papers that go with it, by role."""
    path = cache / f"{Path(photo.name).stem}.mp4"
    if not path.exists():
        tell("Filming it for three minutes (once, and in a moment).")
        await asyncio.to_thread(draw_film, photo.data, path)
    papers = {role: Upload(f"{role}.jpg", data) for role, data in draw_papers().items()}
    return [Upload(path.name, path.read_bytes())], papers

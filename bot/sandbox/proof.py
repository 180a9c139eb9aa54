"""The proof that a story happened as told: asked of Slack's, the vendor's and the disk's own records."""

import asyncio
import collections
import contextlib
import io
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path

import httpx
from PIL import Image, ImageOps, ImageStat

from bot.sandbox.files import write_whole
from bot.sandbox.films import first_picture, is_film
from bot.sandbox.slack import Entry, Message, Upload
from bot.sandbox.story import NotHappened, Script, Told
from bot.sandbox.world import World

_BLANK = 4.0
"""Standard deviation of brightness below which a picture shows nothing."""
_CELL = 256
_GAP = 12
_LINK = re.compile(r"/archives/(?P<channel>[A-Z0-9]+)/p(?P<seconds>\d+)(?P<micros>\d{6})")


async def save_pictures(world: World, pictures: Sequence[Message], folder: Path) -> list[Path]:
    """Fetch the delivered images from Slack and write them down under the names they have there."""
    paths = []
    for message in pictures:
        for file in message.files:
            path = folder / Path(file.name).name
            write_whole(path, await world.people.file_bytes(file.id))
            paths.append(path)
    return paths


def contact_sheet(photos: Sequence[Upload], pictures: Sequence[Path], path: Path) -> None:
    """One picture of it all: the photos that can be seen above, what was made of them below."""
    rows = [
        _cells((photo.name, photo.data) for photo in photos),
        _cells((picture.name, picture.read_bytes()) for picture in pictures),
    ]
    side = _CELL + _GAP
    sheet = Image.new("RGB", (max(len(row) for row in rows) * side + _GAP, len(rows) * side + _GAP), "white")
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            sheet.paste(cell, (_GAP + x * side, _GAP + y * side))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    write_whole(path, out.getvalue())


def _cells(files: Iterable[tuple[str, bytes]]) -> list[Image.Image]:
    """Thumbnails. A folder may hold files that are no pictures: the bot has said so, and they have none."""
    cells = []
    for name, data in files:
        with (
            contextlib.suppress(OSError, SyntaxError, ValueError, Image.DecompressionBombError),
            first_picture(data) if is_film(name) else Image.open(io.BytesIO(data)) as opened,
        ):
            cells.append(ImageOps.fit(ImageOps.exif_transpose(opened).convert("RGB"), (_CELL, _CELL)))
    return cells


_SHEET_SECONDS = 60.0
"""How long the sheet's deletion may come after the images: it is another message's turn."""


async def prove(world: World, told: Told, pictures: Sequence[Path], script: Script) -> AsyncIterator[str]:
    """Yield each claim once it is found true. Raises NotHappened for the first that is not."""
    yield await _paid_once(world, script.part.bill)
    if script.part.film:
        yield await asyncio.to_thread(_film_plays, pictures, script.part.count)
        yield await _papers_stand_nowhere(world, script)
    else:
        yield await asyncio.to_thread(_pictures_are_real, pictures, script.part.count)
        yield await _links_closed(world, len(script.photos))
    yield await _link_leads_to_pictures(world, told)
    yield await _nothing_said_twice(world, told)
    if told.sheet:
        yield await _no_sheet_left(world)


async def _paid_once(world: World, bill: Mapping[str, int]) -> str:
    orders = " and ".join(f"one {kind}" for kind, number in bill.items() if number)
    claim = f"{world.vendor.house.label} was paid for {orders}, and no other vendor for anything"
    paid = await world.vendor.desk.bill()
    if paid != bill:
        raise NotHappened(claim, f"it was {paid}")
    for other in world.vendors.values():
        if other is not world.vendor and any((await other.desk.bill()).values()):
            raise NotHappened(claim, f"{other.house.label} was paid, too")
    return claim


def _pictures_are_real(pictures: Sequence[Path], count: int) -> str:
    claim = f"{count} images are delivered; all of them decode, and no two are the same"
    if len(pictures) != count:
        raise NotHappened(claim, f"there are {len(pictures)}")
    seen = set()
    for path in pictures:
        data = path.read_bytes()
        try:
            with Image.open(io.BytesIO(data)) as opened:
                spread = ImageStat.Stat(opened.convert("L")).stddev[0]
        except OSError as error:
            raise NotHappened(claim, f"{path} does not decode: {error}") from error
        if spread < _BLANK:
            raise NotHappened(claim, f"{path} is blank")
        seen.add(data)
    if len(seen) != count:
        raise NotHappened(claim, "two are the same")
    return claim


def _film_plays(files: Sequence[Path], count: int) -> str:
    claim = "one clip is delivered with its cover, and it can be played"
    films = [path for path in files if is_film(path.name)]
    if (len(files), len(films)) != (count, 1):
        raise NotHappened(claim, f"there are {len(files)} files, {len(films)} of them clips")
    try:
        spread = ImageStat.Stat(first_picture(films[0].read_bytes()).convert("L")).stddev[0]
    except OSError as error:
        raise NotHappened(claim, f"{films[0]} does not decode: {error}") from error
    if spread < _BLANK:
        raise NotHappened(claim, f"{films[0]} is blank")
    return claim


async def _papers_stand_nowhere(world: World, script: Script) -> str:
    claim = "the identity papers stand in no message"
    names = {paper.name for paper in script.papers.values()}
    for channel in await world.people.channels():
        for message in await world.people.messages(channel.id):
            if names & {file.name for file in message.files}:
                raise NotHappened(claim, f"{message.ts} shows one")
    return claim


async def _links_closed(world: World, photos: int) -> str:
    claim = "the vendor fetched every photo by its link, and all links are closed now"
    links = [link for job in await world.vendor.desk.jobs() for link in job.photo_links]
    fetched = [entry for entry in await world.vendor.desk.fetches() if entry.status == httpx.codes.OK]
    if not 0 < len(links) <= photos:
        raise NotHappened(claim, f"{len(links)} links for {photos} photos")
    if len(fetched) < len(links):
        raise NotHappened(claim, f"{len(fetched)} of {len(links)} photos were fetched")
    async with httpx.AsyncClient(trust_env=False) as stranger:
        for number, link in enumerate(links, 1):
            status = (await stranger.get(link)).status_code
            if status != httpx.codes.NOT_FOUND:
                raise NotHappened(claim, f"link {number} answers {status}")
    return claim


async def _link_leads_to_pictures(world: World, told: Told) -> str:
    claim = "the link in the DM leads to the message with the images"
    found = _LINK.search(told.letter.text)
    if found is None:
        raise NotHappened(claim, "there is no link")
    ts = f"{found['seconds']}.{found['micros']}"
    there = [m for m in await world.people.messages(found["channel"]) if m.ts == ts]
    if not there or there[0].ts not in {m.ts for m in told.pictures}:
        raise NotHappened(claim, "it leads elsewhere")
    return claim


async def _nothing_said_twice(world: World, told: Told) -> str:
    claim = "tray, card, images and DM were said once each, and nothing else"
    entries = await _whole_journal(world)
    bot = told.card.user
    said = [
        (e.facts["channel"], e.facts["ts"])
        for e in entries
        if e.kind == "message" and e.facts["state"] == "posted" and e.facts["user"] == bot
        if "ephemeral_to" not in e.facts
    ]
    sheets = [told.sheet] if told.sheet else []
    messages = (told.tray, *sheets, told.card, *told.shown, *told.pictures, told.letter)
    expected = {(m.channel, m.ts) for m in messages}
    if len(told.pictures) != 1 or len(said) != len(expected) or set(said) != expected:
        raise NotHappened(claim, f"{len(said)} messages of the bot, {len(told.pictures)} with images")
    calls = collections.Counter(
        e.facts["method"]
        for e in entries
        if e.kind == "api" and e.facts["ok"] and _SAYS[e.facts["method"]] and not _shares_nothing(e)
    )
    more = collections.Counter(
        {"files.completeUploadExternal": len(told.shown), "chat.postMessage": len(sheets)}
    )
    if calls != _SAYS + more:
        raise NotHappened(claim, f"calls: {dict(calls)}")
    return claim


_SAYS = collections.Counter({"chat.postMessage": 3, "files.completeUploadExternal": 1})
"""How often each method that says something may have succeeded."""


def _shares_nothing(entry: Entry) -> bool:
    """Whether an upload is one that is shown by another message, or by none."""
    upload = entry.facts["method"] == "files.completeUploadExternal"
    return upload and "channel_id" not in entry.facts["arguments"]


async def _no_sheet_left(world: World) -> str:
    claim = "the contact sheet of the photos is deleted, now that they are in use"

    async def none_is() -> bool:
        made, gone = await _sheets(world)
        return not made - gone

    try:
        await world.people.wait_for(none_is, _SHEET_SECONDS)
    except TimeoutError:
        made, gone = await _sheets(world)
        raise NotHappened(claim, f"{len(made - gone)} of {len(made)} still there") from None
    return claim


async def _sheets(world: World) -> tuple[set[str], set[str]]:
    """The files shared with nobody, and the files that were deleted."""
    calls = [e for e in await _whole_journal(world) if e.kind == "api" and e.facts["ok"]]
    made = {
        file
        for e in calls
        if _shares_nothing(e)
        for file in re.findall(r"\bF[A-Z0-9]{8,}\b", str(e.facts["arguments"]))
    }
    return made, {str(e.facts["arguments"].get("file")) for e in calls if e.facts["method"] == "files.delete"}


async def _whole_journal(world: World) -> list[Entry]:
    found: list[Entry] = []
    while page := await world.people.journal(found[-1].seq if found else 0):
        found += page
    return found

"""The demo: the main job from photos to images, with a local Slack, a vendor's stand-in and the real bot.

It may be killed at any moment: started again, it goes on with the same story where that stood.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bot.sandbox.houses import USUAL, VENDORS
from bot.sandbox.keeper import BotWillNotRun, Keeper, see_off_the_last_one
from bot.sandbox.parts import PARTS
from bot.sandbox.pictures import BadPhotos, folder_of_one_subject, read_folder, story_film, story_photos
from bot.sandbox.prompt import Own, Prompt
from bot.sandbox.proof import contact_sheet, prove, save_pictures
from bot.sandbox.screen import Lines, Screen
from bot.sandbox.shelf import Folder, Shelf, ShelfInUse
from bot.sandbox.slack import Upload
from bot.sandbox.story import STORY_SECONDS, NotHappened, Script, Story, label
from bot.sandbox.transcript import Transcript
from bot.sandbox.world import PortTaken, World, open_world

WELL, NOT_HAPPENED, CANNOT_START, INTERRUPTED = 0, 1, 2, 130
_Perform = Callable[[Screen, Shelf, asyncio.Event], Awaitable[int]]
_SUBJECTS = ("person", "woman", "man", "girl", "boy", "dog", "cat")


async def play(
    *, once: bool, photos: Path | None, state: Path, manifest: Mapping[str, Any], vendor: str = USUAL
) -> int:
    """Tell a story, then stay up. Returns 0 if all of it happened, 1 if not, 2 where it cannot begin."""
    if vendor not in VENDORS:
        return _refuse(f"VENDOR={vendor}: there is no such vendor. There are {', '.join(VENDORS)}.")
    part = PARTS[vendor]

    async def perform(screen: Screen, shelf: Shelf, stop: asyncio.Event) -> int:
        chosen = folder_of_one_subject(photos, screen.line, part) if photos else None
        given = (
            read_folder(chosen, part) if chosen else await story_photos(state / "photos", screen.line, part)
        )
        papers: Mapping[str, Upload] = {}
        if part.film:
            given, papers = await story_film(given[0], state / "photos", screen.line)
        folder, again = shelf.open(_absolute(chosen), vendor)
        script = Script(given, vendor, subject=_subject(chosen) or part.subject, papers=papers)
        return await _Performance(screen, folder, script, stop).run(manifest, again=again, once=once)

    return await _guarded(state, perform)


async def stand(*, state: Path, manifest: Mapping[str, Any]) -> int:
    """Run everything but the bot, and say how to start it. Returns 0, or 2 where it cannot begin."""

    async def perform(screen: Screen, shelf: Shelf, stop: asyncio.Event) -> int:
        folder = shelf.named("sandbox")
        async with open_world(folder.path, folder.ports, manifest) as world, _watched(world, screen) as seen:
            environment = world.environment(folder.bot_home.resolve())
            settings = "".join(f"{name}={value}\n" for name, value in environment.items())
            (folder.path / "env").write_text(settings)
            screen.line("A local Slack and the vendors' stand-ins are up.")
            screen.line(f"See it in a browser: {world.slack.origin}/\n\nThe bot's environment:\n")
            screen.line(settings)
            screen.line(
                f"In another terminal: set -a; . {folder.path}/env; set +a; "
                f"darkroom run --sandbox-clock {world.clock_file}\n"
            )
            await _stay(world, seen, screen, partial(story_photos, state / "photos", seen.note), None, stop)
        return WELL

    return await _guarded(state, perform)


async def _guarded(state: Path, perform: _Perform) -> int:
    """What cannot begin is one line that says why and what to do."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    shelf = Shelf(state)
    try:
        with shelf.held():
            return await perform(Screen.of(sys.stdout), shelf, stop)
    except BadPhotos as error:
        return _refuse(str(error))
    except ShelfInUse:
        return _refuse(f"Another demo works in {state}: end it, or name another folder with STATE=folder.")
    except PortTaken as error:
        return _refuse(f"{error}: end what listens there, or name another folder with STATE=folder.")
    except OSError as error:
        return _refuse(
            f"{error.filename or state}: {error.strerror or error}. Name another folder with STATE=folder."
        )


class _Performance:
    """One story on its stage."""

    def __init__(self, screen: Screen, folder: Folder, script: Script, stop: asyncio.Event) -> None:
        self._screen = screen
        self._folder = folder
        self._script = script
        self._stop = stop

    async def run(self, manifest: Mapping[str, Any], *, again: bool, once: bool) -> int:
        """Open the stage, tell the story, and stay up unless told otherwise."""
        folder, screen = self._folder, self._screen
        await see_off_the_last_one(folder.bot_home, screen.line)
        async with (
            open_world(folder.path, folder.ports, manifest, about=folder.vendor) as world,
            _watched(world, screen) as seen,
        ):
            self._introduce(world, again=again)
            if again:
                await seen.recall()
            environment = world.environment(folder.bot_home.resolve() / "data")
            keeper = Keeper(
                folder.bot_home, folder.bot_log.resolve(), environment, seen.note, clock=world.clock_file
            )
            async with keeper.running():
                status = await self._told(world, seen, keeper)
                if once or status == INTERRUPTED:
                    return status
                await _stay(world, seen, screen, self._own_photos, keeper, self._stop)
                return status

    def _introduce(self, world: World, *, again: bool) -> None:
        line, paint = self._screen.line, self._screen.paint
        begun = "goes on where it was left" if again else "begins"
        line(paint(f"Darkroom · story {self._folder.number} {begun}", "bold"))
        line(paint(f"  see it in a browser  {world.slack.origin}/?as={self._script.person}", "bold"))
        line(paint(f"  local Slack          {world.slack.origin} (control API: /control/)", "dim"))
        line(paint(f"  vendor's stand-in    {world.vendor.origin} ({world.vendor.house.label})", "dim"))
        others = [one for one in world.vendors.values() if one is not world.vendor]
        told = ", ".join(f"{one.house.label} {one.origin}" for one in others)
        line(paint(f"  the other vendors'   {told}", "dim"))
        line(paint(f"  the real bot's log   {self._folder.bot_log}", "dim"))
        line()

    async def _told(self, world: World, seen: Transcript, keeper: Keeper) -> int:
        """Tell the story until it ends, the bot will not run, or somebody has had enough."""
        telling = asyncio.create_task(self._tell(world, seen))
        enough = asyncio.create_task(self._stop.wait())
        watch = keeper.watch
        assert watch is not None
        status = NOT_HAPPENED
        try:
            await asyncio.wait({telling, enough, watch}, return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                await telling
                self._folder.ended("well")
                status = WELL
            elif watch.done():
                await watch
            else:
                seen.note("\nInterrupted. The same command goes on with this story.")
                status = INTERRUPTED
        except NotHappened as missing:
            if missing.final:
                self._folder.ended("badly")
            self._lament(seen, missing, keeper)
        except BotWillNotRun as error:
            seen.note(f"\n✗ {error}\n  See {self._folder.bot_log}", "red")
        finally:
            for task in (telling, enough):
                task.cancel()
            await asyncio.gather(telling, enough, return_exceptions=True)
        return status

    async def _tell(self, world: World, seen: Transcript) -> None:
        told = await Story(world.people, seen, self._script).play()
        pictures = await save_pictures(world, told.pictures, self._folder.delivered)
        seen.note("\nWas it so? Asked of Slack's and the vendor's own records:", "bold")
        async for claim in prove(world, told, pictures, self._script):
            seen.note(f"  ✓ {claim}", "green")
        sheet = self._folder.path / "contact-sheet.png"
        await asyncio.to_thread(contact_sheet, self._script.photos, pictures, sheet)
        seen.note("\nThe delivered images:", "bold")
        seen.note("\n".join(f"  {path}" for path in [*pictures, sheet]), "cyan")
        seen.note()

    async def _own_photos(self) -> Sequence[Upload]:
        return self._script.photos

    def _lament(self, seen: Transcript, missing: NotHappened, keeper: Keeper) -> None:
        seen.note(f"\n✗ Did not happen: {missing.step}", "red")
        seen.note(f"  {missing.why} (a story has {STORY_SECONDS:.0f} s)", "red")
        seen.note(f"  See the bot's log, {self._folder.bot_log}, which ends:\n{keeper.last_words()}")
        if not missing.final:
            seen.note(f"  The same command goes on with it; to begin anew, remove {self._folder.path}.")


@asynccontextmanager
async def _watched(world: World, screen: Screen) -> AsyncIterator[Transcript]:
    """A transcript that is written for as long as the block lasts."""
    transcript = Transcript(world.people, screen, label)
    following = asyncio.create_task(transcript.follow())
    try:
        yield transcript
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


async def _stay(
    world: World,
    seen: Transcript,
    screen: Screen,
    photos: Own,
    keeper: Keeper | None,
    stop: asyncio.Event,
) -> None:
    """Go on by hand at a terminal; without one, only stay up."""
    waiting: list[asyncio.Task[Any]] = [asyncio.create_task(stop.wait())]
    if sys.stdin is not None and sys.stdin.isatty():
        prompt = Prompt(world, seen, screen, Lines(sys.stdin.buffer), photos, keeper)
        waiting.append(asyncio.create_task(prompt.run()))
    else:
        seen.note(
            "No terminal to type at: staying up until SIGINT or SIGTERM.\n"
            f"People act through {world.slack.origin}/control/, trouble is ordered there and at "
            f"{world.vendor.origin}/control/."
        )
    watching = [keeper.watch] if keeper is not None and keeper.watch is not None else []
    done, _ = await asyncio.wait([*waiting, *watching], return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for task in done:
        try:
            await task
        except BotWillNotRun as error:
            seen.note(str(error), "red")
    seen.note("Closing.")


def _absolute(photos: Path | None) -> str | None:
    return str(photos.resolve()) if photos else None


def _subject(photos: Path | None) -> str:
    """A folder named after what it shows saves choosing; empty where its name says nothing."""
    name = photos.resolve().name.lower() if photos else ""
    return next((word for word in _SUBJECTS if name.startswith(word)), "")


def _refuse(text: str) -> int:
    print(f"darkroom demo: {text}", file=sys.stderr)
    return CANNOT_START

"""The demo from outside: what it prints, leaves on disk and answers to its caller."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from pathlib import Path

import httpx
import pytest
from PIL import Image

from bot.sandbox.pictures import folder_of_one_subject
from bot.sandbox.shelf import Shelf
from tests.performances import BOT, CHANNEL, Performance, Victim, photo_folder
from tests.surface import photo

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photo_folder(tmp_path_factory.mktemp("story") / "dog")


async def test_told_once_it_exits_well_and_leaves_the_images_on_disk(tmp_path: Path) -> None:
    async with Performance.begin(tmp_path, "--once") as run, run.controls() as controls:
        await controls.hurry()
        assert await run.ends() == 0, run.text
    pictures = sorted((tmp_path / "001" / "delivered").glob("*.png"))
    assert [path.name for path in pictures] == [f"ana-spring-{number}.png" for number in range(1, 5)]
    for path in pictures:
        with Image.open(path) as picture:
            assert min(picture.size) >= 512
        assert str(path) in run.text
    with Image.open(tmp_path / "001" / "contact-sheet.png") as sheet:
        assert sheet.width > sheet.height
    for words in (
        "[Use the 9] [Use all 10]",
        "presses [Use the 9]",
        "Name: ana spring",
        "card now: ",
        "DM to ana",
    ):
        assert words in run.text
    assert "fox-10.jpg" in run.text
    assert "\x1b" not in run.text, "colours belong on a terminal"


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many as any vendor wants, and large enough."""
    folder = tmp_path_factory.mktemp("many") / "woman"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02}.jpg").write_bytes(photo(number, size=(640, 600)))
    return folder


@pytest.mark.parametrize(
    ("vendor", "seen"),
    [
        ("dashscope", ["DashScope was paid for one training and one inference", "Style: f_idcard_female"]),
        ("img_open", ["Img Open was paid for one training and one inference", "12 of 12 photos usable"]),
    ],
)
async def test_the_same_story_is_told_with_another_vendor_and_paid_to_no_other(
    tmp_path: Path, many: Path, vendor: str, seen: list[str]
) -> None:
    options = ("--once", "--vendor", vendor, "--photos", str(many))
    async with Performance.begin(tmp_path, *options) as run, run.controls() as controls:
        await controls.hurry()
        assert await run.ends() == 0, run.text
    for words in [*seen, "the vendor fetched every photo by its link", "said once each, and nothing else"]:
        assert words in run.text
    assert len(list((tmp_path / "001" / "delivered").iterdir())) == 4


async def test_with_a_vendor_of_avatars_a_film_and_papers_become_a_clip(tmp_path: Path, many: Path) -> None:
    options = ("--once", "--vendor", "metastudio", "--photos", str(many))
    async with Performance.begin(tmp_path, *options) as run:
        assert await run.ends() == 0, run.text
    for words in ("was paid for one training and one clip", "the identity papers stand in no message"):
        assert words in run.text
    assert {path.suffix for path in (tmp_path / "001" / "delivered").iterdir()} == {".png", ".mp4"}


async def test_a_story_in_two_posts_that_is_killed_between_them_goes_on(tmp_path: Path, many: Path) -> None:
    options = ("--once", "--vendor", "img_open", "--photos", str(many))
    async with Performance.begin(tmp_path, *options) as run:
        await run.says("6 of 6 photos usable")
        await run.kill(Victim.EVERYBODY)
    async with Performance.begin(tmp_path, *options) as run, run.controls() as controls:
        await controls.hurry()
        assert await run.ends() == 0, run.text
    assert "goes on where it was left" in run.text
    assert "12 of 12 photos usable" in run.text


async def test_the_form_of_the_usual_story_offers_every_vendor(tmp_path: Path, many: Path) -> None:
    async with Performance.begin(tmp_path, "--photos", str(many)) as run, run.controls() as controls:
        await controls.people.wait_for_connection(within=60)
        posted = await controls.people.post(
            "lee", CHANNEL, "@darkroom mine", [many / f"{number:02}.jpg" for number in range(10)]
        )
        tray = await controls.people.wait_for_message(
            CHANNEL,
            lambda m: m.user_name == BOT and "10 of 10" in m.words(),
            thread_ts=posted.ts,  # The story's own person has a tray of ten too.
            within=60,
        )
        await controls.people.press("lee", CHANNEL, tray.ts, "Train…")
        form = await controls.people.wait_for_view(
            "lee", lambda view: "Loading" not in view.words(), within=60
        )
        offered = " ".join(form.options("provider"))
        words = form.words()
    for label in ("AIContent", "DashScope", "Img Open", "MetaStudio"):
        assert label in offered
    assert "Huawei MetaStudio, training: wants a video." in words, "what photos cannot give is said"


async def test_a_vendor_that_is_none_is_named_with_those_there_are(tmp_path: Path) -> None:
    async with Performance.begin(tmp_path / "state", "--once", "--vendor", "acme") as run:
        assert await run.ends() == 2
    (line,) = run.lines
    assert "VENDOR=acme" in line
    assert "aicontent, dashscope, img_open, metastudio" in line


@pytest.fixture
def mixed(tmp_path: Path, photos: Path) -> Path:
    """The photos, and beside them files that only their names call pictures."""
    folder = tmp_path / "mixed"
    shutil.copytree(photos, folder)
    whole = next(photos.iterdir()).read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "page.jpg").write_text("<!DOCTYPE html><html></html>")
    (folder / "zero.png").touch()
    return folder


async def test_a_folder_with_files_that_are_no_pictures_still_becomes_a_story(
    tmp_path: Path, mixed: Path
) -> None:
    async with (
        Performance.begin(tmp_path, "--once", "--photos", str(mixed)) as run,
        run.controls() as controls,
    ):
        await controls.hurry()
        assert await run.ends() == 0, run.text
    assert "page.jpg is a web page and no picture" in run.text
    assert (tmp_path / "001" / "contact-sheet.png").stat().st_size


def test_of_a_folder_with_a_folder_per_subject_the_first_with_enough_photos_is_taken(
    tmp_path: Path, photos: Path
) -> None:
    told: list[str] = []
    (tmp_path / "a_few").mkdir()
    shutil.copy(next(photos.iterdir()), tmp_path / "a_few")
    shutil.copytree(photos, tmp_path / "cat")
    shutil.copytree(photos, tmp_path / "dog")
    assert folder_of_one_subject(tmp_path, told.append) == tmp_path / "cat"
    assert str(tmp_path / "cat") in "".join(told)
    assert folder_of_one_subject(tmp_path / "dog", told.append) == tmp_path / "dog"
    assert len(told) == 1


def test_a_finished_story_makes_way_for_the_next_and_an_unfinished_one_goes_on(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    first, again = shelf.open(None)
    assert (first.number, again) == ("001", False)
    assert shelf.open(None) == (first, True)
    other, again = shelf.open("/other/photos")
    assert (other.number, again) == ("002", False), "a story is about its own photos"
    elsewhere, again = shelf.open(None, "dashscope")
    assert (elsewhere.number, again) == ("003", False), "a story is told with its own vendor"
    first.ended("well")
    assert shelf.open(None)[0].number == "004"
    assert shelf.open("/other/photos") == (other, True)
    assert shelf.open(None, "dashscope") == (elsewhere, True)


def test_a_story_of_a_version_with_other_vendors_is_left_where_it_lies(tmp_path: Path) -> None:
    folder, _ = Shelf(tmp_path).open(None)
    facts = json.loads((folder.path / "story.json").read_text())
    facts["ports"] = {"slack": 20001, "vendor": 20002, "web": 20003}
    (folder.path / "story.json").write_text(json.dumps(facts))
    after, again = Shelf(tmp_path).open(None)
    assert (after.number, again) == ("002", False)


def test_a_story_killed_before_its_first_line_leaves_its_number_unused(tmp_path: Path) -> None:
    (tmp_path / "001").mkdir()
    folder, again = Shelf(tmp_path).open(None)
    assert (folder.number, again) == ("002", False)


async def test_a_step_that_does_not_happen_is_named_with_the_log_to_look_at(
    tmp_path: Path, photos: Path
) -> None:
    options = ("--once", "--photos", str(photos))
    async with Performance.begin(tmp_path, *options) as run, run.controls() as controls:
        await controls.desk.fault(
            "error", action="AddModelTrainJob", status=400, code="B_PARAMETER_NOT_FOUND"
        )
        assert await run.ends() == 1
    assert "Did not happen: the job goes well" in run.text
    assert str(tmp_path / "001" / "bot.log") in run.text
    assert json.loads((tmp_path / "001" / "story.json").read_text())["ending"] == "badly"


async def test_a_bot_that_will_not_run_is_told_with_its_own_words(tmp_path: Path, photos: Path) -> None:
    folder, _ = Shelf(tmp_path).open(str(photos))
    folder.bot_home.mkdir()
    (folder.bot_home / "data").write_text("this should be a folder")
    async with Performance.begin(tmp_path, "--once", "--photos", str(photos)) as run:
        assert await run.ends() == 1
    assert "The bot ended 3 times right after its start" in run.text
    assert "DARKROOM_DATA_DIR" in run.text


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (None, "there is no such folder"),
        (
            [],
            "holds no photos (JPEG, PNG, HEIC and the like",
        ),
        (["a.jpg", "b.HEIC", "notes.txt"], "holds only 2 photos"),
    ],
)
async def test_photos_that_are_not_there_are_named_in_one_line(
    tmp_path: Path, files: list[str] | None, says: str
) -> None:
    folder = tmp_path / "photos"
    if files is not None:
        folder.mkdir()
        for name in files:
            (folder / name).write_bytes(b"x")
    async with Performance.begin(tmp_path / "state", "--once", "--photos", str(folder)) as run:
        assert await run.ends() == 2
    (line,) = run.lines
    assert says in line
    assert not (tmp_path / "state" / "001").exists()


async def test_a_port_of_the_story_that_is_taken_is_named(tmp_path: Path, photos: Path) -> None:
    options = ("--once", "--photos", str(photos))
    async with Performance.begin(tmp_path, *options) as run:
        await run.says("the real bot's log")
        await run.kill(Victim.EVERYBODY)
    port = json.loads((tmp_path / "001" / "story.json").read_text())["ports"]["aicontent"]
    with socket.create_server(("127.0.0.1", port)):
        async with Performance.begin(tmp_path, *options) as run:
            assert await run.ends() == 2
    assert f"Port {port} (aicontent) is in use" in run.text


async def test_two_demos_in_one_state_are_one_too_many(tmp_path: Path, photos: Path) -> None:
    async with Performance.begin(tmp_path, "--photos", str(photos)) as first:
        await first.says("the real bot's log")
        async with Performance.begin(tmp_path, "--once", "--photos", str(photos)) as second:
            assert await second.ends() == 2
        assert "Another demo works in" in second.text


async def test_interrupted_it_says_so_and_takes_the_bot_with_it(tmp_path: Path, photos: Path) -> None:
    async with Performance.begin(tmp_path, "--once", "--photos", str(photos)) as run:
        async with run.controls() as controls:
            await controls.people.wait_for_connection(within=60)
            bot = run.bot()
            os.killpg(run.process.pid, signal.SIGINT)  # What a terminal does to the whole group.
            assert await run.ends() == 130
        assert not bot.is_running()
    assert "The same command goes on with this story" in run.text
    assert "started again" not in run.text


async def test_a_person_can_go_on_by_typing(tmp_path: Path, photos: Path) -> None:
    options = ("--photos", str(photos))
    async with (
        Performance.begin(tmp_path, *options, terminal=True) as run,
        run.controls() as controls,
    ):
        await controls.hurry()
        await run.says("`quit` ends the demo")
        for line, answer in (
            ("/darkroom status", "(only visible to ana)"),
            ("frobnicate", "nothing I know"),
            ("press Nothing", "no button [Nothing]"),
            ("press Details 9", "no button [Details 9]"),
            ("as nobody", "admin, ana, guest, lee"),
            ("in board", "does not let ana do that"),
            ("as lee", "lee #portraits>"),
            (f"photos {photos} -- @darkroom mine", "Enough for"),
            ("in thread", "▸ thread>"),
            ("press train", "`form` fills it in"),
            ("form", "Name: "),
            ("lee autumn", "object"),
            ("6", "Vendor"),
            ("", "trained: "),
            ("in the snow", "How many"),
            ("1", "Post the images"),
            ("Nowhere", "That does not fit"),
            ("2", "Permission"),
            ("no", "[Train]?"),
            ("yes", "Slack does not let lee do that"),
            ("look", "Name: lee autumn"),
            ("form", "[lee autumn]: "),
            ("", "[dog]: "),
            ("", "Vendor"),
            ("", "[in the snow]: "),
            ("", "[1 image]: "),
            ("", "[Only to me, by DM]: "),
            ("", "Permission"),
            ("yes", "[Train]?"),
            ("yes", "card: lee autumn"),
            ("in dm", "lee DM>"),
        ):
            await run.type(line, answer)
        await run.says("lee-autumn-1.png")
        await run.type("look", "lee autumn is ready")
        await run.type("vendor down", "refuses every call")
        assert [fault.kind for fault in await controls.desk.faults()] == ["down"]
        for line, answer in (
            ("vendor nonsense", "vendor: down, slow"),
            ("vendor well", "calls off"),
            ("slack lost", "the answer is lost"),
            ("say status", "lee autumn"),
            ("bot kill", "was ended by SIGKILL; it is started again"),
            ("help", "quit                    end the demo"),
            ("quit", "Closing."),
        ):
            await run.type(line, answer)
        assert await run.ends() == 0


async def test_the_sandbox_alone_tells_a_bot_how_to_find_it(tmp_path: Path) -> None:
    async with Performance.begin(tmp_path, command="sandbox") as run:
        await run.says("SLACK_APP_TOKEN=xapp-")
        await run.says("set -a; . ")
        settings = dict(
            line.split("=", 1) for line in (tmp_path / "sandbox" / "env").read_text().splitlines()
        )
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(
                f"{settings['SLACK_API_URL']}auth.test",
                headers={"Authorization": f"Bearer {settings['SLACK_BOT_TOKEN']}"},
            )
        assert answer.json()["user"] == BOT
        await run.says("staying up")
        run.process.send_signal(signal.SIGTERM)
        assert await run.ends() == 0

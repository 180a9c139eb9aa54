"""A vendor in a package of its own: found where it is installed, and no harm where it is broken."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bot.providers
from bot.app import build
from bot.opening import StartupError
from bot.providers import Broken, Provider, Unconfigured, discover, load
from bot.settings import Settings
from storage.records.jobs import JobState
from tests.providers.test_contract import PAGE, block
from tests.stand_ins import TurnedClock, engine, wish

SET = {"ACME_WORD": "hello from a package"}


class Shelf:
    """A folder on the path into which packages are put, as an installer does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, package: str, text: str, *, name: str = "acme", value: str | None = None) -> None:
        """A distribution with one module and one entry point."""
        module = package.replace("-", "_")
        home = self._folder / module
        home.mkdir()
        (home / "__init__.py").write_text("", encoding="utf-8")
        (home / "provider.py").write_text(text, encoding="utf-8")
        info = self._folder / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        points = f"[darkroom.providers]\n{name} = {value or f'{module}.provider'}\n"
        (info / "entry_points.txt").write_text(points, encoding="utf-8")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield Shelf(folder)
    for name in set(sys.modules) - before:
        if name.startswith(("acme", "other")):
            del sys.modules[name]


TOLD_OF = (
    *("Endpoint", "Seconds", "HttpClient", "HostAuth", "Answer", "StatusWords", "image"),
    *("Id", "MaybeText", "Texts", "Share", "moment"),
)


@pytest.mark.parametrize("name", TOLD_OF)
def test_what_the_page_tells_an_author_of_can_be_imported_by_a_package(name: str) -> None:
    assert f"`{name}" in PAGE.read_text(encoding="utf-8")
    assert name in bot.providers.__all__
    assert hasattr(bot.providers, name)


def page(name: str = "acme") -> str:
    """The provider of the documentation under another name, importing what a package may import."""
    text = (
        block("python")
        .replace("bot.providers._base", "bot.providers")
        .replace("bot.providers._settings", "bot.providers")
    )
    text = text.replace("bot.providers._http", "bot.providers").replace("HELLO_", f"{name.upper()}_")
    return text.replace('name = "hello"', f'name = "{name}"').replace('label="Hello"', 'label="Acme"')


def broken() -> Broken:
    ready, rest = load(SET)
    assert "acme" not in [provider.name for provider in ready]
    (one,) = [each for each in rest if isinstance(each, Broken)]
    return one


async def test_an_installed_package_is_offered_and_trained_with(
    shelf: Shelf, tmp_path: Path, clock: TurnedClock
) -> None:
    shelf.put("acme-darkroom", page())
    ready, _ = load(SET)
    (acme,) = [provider for provider in ready if provider.name == "acme"]
    async with engine(tmp_path / "data", clock, more=[acme]) as house:
        offers = {offer.way: offer for offer in await house.services.vendors.offers()}
        assert (offers["acme/training"].label, offers["acme/training"].ok) == ("Acme", True)
        tray = await house.tray(1)
        job = await house.services.training.start(wish(way="acme/training", count=1), tray)
        await house.until(lambda: house.rows("SELECT 1 FROM outbox WHERE key LIKE 'ready:%' AND sent") != [])
        assert [one.state for one in (await house.job(job.id), await house.last(job.id))] == [
            JobState.SUCCEEDED,
            JobState.SUCCEEDED,
        ]
    await acme.http.aclose()


async def test_a_class_may_be_named_instead_of_its_module(shelf: Shelf) -> None:
    shelf.put("acme-darkroom", page(), value="acme_darkroom.provider:Hello")
    assert issubclass(discover()["acme"], Provider)


def test_a_package_whose_settings_are_missing_says_so_like_any_other(shelf: Shelf) -> None:
    shelf.put("acme-darkroom", page().replace('Field("hello", ', "Field("))
    _, rest = load({})
    (one,) = [each for each in rest if each.name == "acme"]
    assert isinstance(one, Unconfigured)
    assert one.line == "acme is not set up; to offer it, set ACME_WORD."


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("raise RuntimeError('a secret')\n", "acme_darkroom.provider cannot be loaded (RuntimeError)"),
        ("import no_such_module\n", "acme_darkroom.provider cannot be loaded (ModuleNotFoundError)"),
        ("x = 1\n", "acme_darkroom.provider must hold exactly one Provider"),
        (page() + "\n\nclass Second(Hello):\n    pass\n", "must hold exactly one Provider"),
        (page().replace("async def poll", "async def pall"), "must hold exactly one Provider"),
        (page().replace('name = "acme"', 'name = "Acme"'), "the name of its Provider must be 'acme'"),
        (page().replace("ACME_", "OTHER_"), "the env_prefix of its Settings must be 'ACME_'"),
        (
            page().replace("    Settings = HelloSettings\n", "    Settings = dict\n"),
            "must be ProviderSettings",
        ),
        (
            page().replace('"http://127.0.0.1:9"', "no_such_name"),
            "cannot be built with its settings (NameError)",
        ),
    ],
)
def test_a_broken_package_is_one_line_and_stops_nobody(shelf: Shelf, text: str, why: str) -> None:
    shelf.put("acme-darkroom", text)
    one = broken()
    assert one.line.startswith("acme of the package acme-darkroom is left out: ")
    assert why in one.line
    assert "secret" not in one.line
    assert "\n" not in one.line
    assert "aicontent" in discover()


@pytest.mark.parametrize("value", ["acme_darkroom.no_such", "acme_darkroom.provider:no_such"])
def test_an_entry_point_that_leads_nowhere_is_one_line(shelf: Shelf, value: str) -> None:
    shelf.put("acme-darkroom", page(), value=value)
    assert f"{value} cannot be loaded" in broken().line


def test_a_name_of_ours_cannot_be_taken(shelf: Shelf) -> None:
    ours = discover()["aicontent"]
    shelf.put("acme-darkroom", page("aicontent"), name="aicontent")
    assert discover()["aicontent"] is ours
    _, rest = load({})
    (one,) = [each for each in rest if isinstance(each, Broken)]
    assert "there is a vendor of this name already, in Darkroom itself" in one.line


def test_of_two_packages_with_one_name_the_second_is_left_out_by_name(shelf: Shelf) -> None:
    shelf.put("other-acme", page())
    shelf.put("acme-darkroom", page())
    assert discover()["acme"].__module__ == "acme_darkroom.provider"
    _, rest = load({})
    (one,) = [each for each in rest if isinstance(each, Broken)]
    assert one.line == (
        "acme of the package other-acme is left out: "
        "there is a vendor of this name already, in acme-darkroom."
    )


async def test_the_start_names_a_broken_package_in_one_line_and_goes_on(
    shelf: Shelf, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put("acme-darkroom", "raise RuntimeError('a secret')\n")
    monkeypatch.setenv("ACME_WORD", "hello")
    settings = Settings(
        _env_file=None,
        slack_bot_token="xoxb-1",
        slack_app_token="xapp-1",
        darkroom_public_url="http://127.0.0.1:9",
        darkroom_data_dir=tmp_path / "data",
    )
    with caplog.at_level(logging.WARNING), pytest.raises(StartupError, match="No vendor is set up"):
        async with build(settings):
            pass
    said = [record.why for record in caplog.records if getattr(record, "action", "") == "vendor_broken"]
    why = "acme_darkroom.provider cannot be loaded (RuntimeError)"
    assert said == [f"acme of the package acme-darkroom is left out: {why}."]

"""`/darkroom doctor` and `/darkroom providers`: what is wrong, and what to do about it."""

from pathlib import Path

from bot.providers import AuthenticationFailed
from bot.sandbox.slack import Message
from bot.services.doctor import Diagnosis
from handlers.reports import doctor
from tests.fakes import Fault
from tests.surface import Surface, fast_vendor, free_port, stage

_ANSWERS = ("well", "mend", "to train available now")


async def report(surface: Surface, text: str, user: str = "admin") -> Message:
    """What the command says, once it has looked."""
    done = await surface.people.command(user, "#portraits", "/darkroom", text)
    assert done.acked, done

    async def answered() -> Message | None:
        shown = await surface.people.messages("#portraits", viewer=user)
        return next((m for m in shown if m.ephemeral and any(word in m.words() for word in _ANSWERS)), None)

    found = done.messages[0] if done.messages else await surface.until(answered, within=60)
    assert found.ephemeral
    return found


async def test_the_doctor_finds_nothing_where_all_is_well(surface: Surface) -> None:
    words = (await report(surface, "doctor")).words()
    assert "All is well." in words
    for looked_at in (
        "Slack's token",
        "Connection to Slack",
        "Database",
        "Disk",
        "ticks",
        "Photo links",
        "Fake",
    ):
        assert looked_at in words
    assert ":x:" not in words


async def test_the_doctor_is_for_operators(surface: Surface) -> None:
    words = (await surface.people.command("ana", "#portraits", "/darkroom", "doctor")).messages
    shown = [m.words() for m in words] or [(await surface.said("operators", viewer="ana")).words()]
    assert "operators" in shown[0]
    assert "Database" not in shown[0]


async def test_the_doctor_answers_an_operators_dm_too(surface: Surface) -> None:
    await surface.post(text="doctor", user="admin", channel="@darkroom")
    channel = await surface.until(lambda: surface.direct_channel("admin"))
    assert "All is well." in (await surface.said("All is well", channel=channel.id, within=60)).words()


async def test_a_vendor_that_refuses_our_keys_is_named_with_its_own_advice(surface: Surface) -> None:
    wrong = AuthenticationFailed("The key FAKE_KEY is of another region: make one in eu-1.")
    surface.vendor.fail_next("check", wrong, times=5)
    words = (await report(surface, "doctor")).words()
    assert "1 thing to mend." in words
    assert ":x: *Fake*: does not let us in" in words
    assert "of another region: make one in eu-1" in words


async def test_the_operator_who_is_told_of_a_vendor_is_told_which_fault_it_is(surface: Surface) -> None:
    wrong = AuthenticationFailed("The vendor refuses our time: let NTP set this machine's clock.")
    surface.vendor.fail_next("check", wrong)
    await surface.bot.services.vendors.check()
    channel = await surface.until(lambda: surface.direct_channel("admin"))
    told = await surface.said("does not let us in", channel=channel.id)
    assert "let NTP set this machine's clock." in told.words()


async def test_a_vendor_that_is_down_is_said_to_be_down_and_since_when(surface: Surface) -> None:
    surface.vendor.fail_next("check", Fault.DOWN, times=5)
    words = (await report(surface, "doctor")).words()
    assert ":x: *Fake*: cannot be reached" in words
    assert "Since" in words


def test_without_a_face_detector_the_doctor_says_how_to_get_one_and_calls_it_no_fault() -> None:
    words = doctor([Diagnosis("database"), Diagnosis("faces", "no_detector")])
    assert words.text == "All is well."
    assert "install the extra `faces`" in str(words.blocks)


async def test_a_public_address_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    elsewhere = f"http://127.0.0.1:{free_port()}"
    async with (
        stage(tmp_path, operators=("admin",), darkroom_public_url=elsewhere) as surface,
        surface.running(),
    ):
        words = (await report(surface, "doctor")).words()
        assert ":x: *Photo links from outside*: nobody answers at their links' address." in words
        assert "Check the address in `DARKROOM_PUBLIC_URL`" in words


async def test_a_public_address_at_which_somebody_else_answers_is_found(tmp_path: Path) -> None:
    async with stage(tmp_path, operators=("admin",)) as surface:
        theirs = surface.settings.model_copy(update={"darkroom_public_url": f"{surface.slack.origin}/"})
        surface.settings = theirs
        async with surface.running():
            words = (await report(surface, "doctor")).words()
            assert "what answers at their links' address does not know them" in words


async def test_what_a_vendor_that_works_has_for_its_operators_to_mend_is_told_them_once(
    tmp_path: Path,
) -> None:
    vendor = fast_vendor()
    async with stage(tmp_path, operators=("admin",)) as surface, surface.running([vendor]):
        await surface.bot.services.vendors.check()
        vendor.remedy = "Nothing is found at its address for results: set FAKE_PATH."
        for _ in range(3):
            await surface.bot.services.vendors.check()
        mine = (await surface.until(lambda: surface.direct_channel("admin"), within=60)).id
        await surface.said("FAKE_PATH", channel=mine, viewer="admin", within=60)
        (said,) = [one.words() for one in await surface.by_bot(mine) if "FAKE" in one.words()]
        assert said.startswith("*Fake* works, but not by all of its settings. _Nothing is found")
        assert "answers now" in (await report(surface, "providers", "ana")).words()


async def test_providers_says_what_is_set_up_and_what_it_takes(surface: Surface) -> None:
    words = (await report(surface, "providers", "ana")).words()
    assert "1 of 1 way to train available now." in words
    assert "*Fake (" in words
    assert "photos" in words
    assert "answers now" in words


async def test_providers_says_of_a_vendor_that_is_down_since_when(surface: Surface) -> None:
    surface.vendor.fail_next("check", Fault.DOWN, times=5)
    await surface.bot.services.vendors.check()
    words = (await report(surface, "providers", "ana")).words()
    assert "0 of 1 way to train available now." in words
    assert "cannot be reached since" in words

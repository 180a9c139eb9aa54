"""What each vendor's check says is wrong: which key, which address, the clock or a permission."""

from pathlib import Path
from typing import Any

import pytest

from bot.providers import ProviderError, load
from bot.sandbox.clock import WorldClock
from bot.sandbox.houses import HOUSES, House

ALL = {house.name: house for house in HOUSES}
IAM = {"IAM_DOMAIN": "sandbox-account", "IAM_USER": "sandbox-user", "IAM_PASSWORD": "sandbox-password"}
NO_KEYS = {"ACCESS_KEY_ID": "", "ACCESS_KEY_SECRET": ""}


async def said(
    home: Path,
    house: House,
    wrong: dict[str, str],
    *,
    path: str = "",
    turn: dict[str, Any] | None = None,
    fault: str | None = None,
) -> str:
    """What the check says with these settings changed; empty where all is well."""
    async with house.start(home, 0, WorldClock()) as vendor, house.control(vendor.origin) as desk:
        await desk.turn(**{**house.turned, **(turn or {})})
        if fault:
            await desk.fault(fault)
        changed = {f"{house.name.upper()}_{name}": value for name, value in wrong.items()}
        if house.name == "metastudio":
            changed["METASTUDIO_IAM_ENDPOINT"] = vendor.origin
        (provider,), _ = load({**house.environment(vendor.origin + path), **changed})
        try:
            await provider.check()
        except ProviderError as error:
            return str(error)
        finally:
            await provider.http.aclose()
    return ""


@pytest.mark.parametrize("name", ALL)
async def test_right_settings_are_well(tmp_path: Path, name: str) -> None:
    assert await said(tmp_path, ALL[name], {}) == ""


@pytest.mark.parametrize(
    ("name", "setting", "words"),
    [
        ("aicontent", "ACCESS_KEY_ID", "check AICONTENT_ACCESS_KEY_ID"),
        ("aicontent", "ACCESS_KEY_SECRET", "AICONTENT_ACCESS_KEY_SECRET does not belong to the id"),
        ("dashscope", "API_KEY", "DASHSCOPE_API_KEY"),
        ("dashscope", "WORKSPACE", "DASHSCOPE_WORKSPACE"),
        ("img_open", "ACCESS_KEY_ID", "IMG_OPEN_ACCESS_KEY_ID"),
        ("img_open", "ACCESS_KEY_SECRET", "IMG_OPEN_ACCESS_KEY_SECRET"),
        ("metastudio", "ACCESS_KEY_ID", "METASTUDIO_ACCESS_KEY_ID"),
        ("metastudio", "ACCESS_KEY_SECRET", "METASTUDIO_ACCESS_KEY_SECRET"),
        ("metastudio", "PROJECT_ID", "METASTUDIO_PROJECT_ID"),
    ],
)
async def test_a_wrong_key_is_named(tmp_path: Path, name: str, setting: str, words: str) -> None:
    told = await said(tmp_path, ALL[name], {setting: "wrong"})
    assert words in told
    assert "clock" not in told


@pytest.mark.parametrize("setting", [*IAM, "PROJECT_ID"])
async def test_a_user_of_iam_who_is_not_let_in_is_told_of_its_own_settings(
    tmp_path: Path, setting: str
) -> None:
    told = await said(tmp_path, ALL["metastudio"], {**NO_KEYS, **IAM, setting: "wrong"})
    assert f"METASTUDIO_{setting}" in told
    assert "ACCESS_KEY" not in told


async def test_a_user_of_iam_is_let_in(tmp_path: Path) -> None:
    assert await said(tmp_path, ALL["metastudio"], {**NO_KEYS, **IAM}) == ""


@pytest.mark.parametrize("name", ["aicontent", "metastudio"])
async def test_a_wrong_clock_is_told_from_wrong_keys(tmp_path: Path, name: str) -> None:
    told = await said(tmp_path, ALL[name], {}, fault="clock")
    assert "this machine's clock is more than 15 minutes off" in told
    assert "ACCESS_KEY" not in told


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("aicontent", "allow the RAM user the actions"),
        ("dashscope", "The key may not do this"),
        ("img_open", "lets their account not use this"),
        ("metastudio", "give it the permission MetaStudio FullAccess"),
    ],
)
async def test_a_permission_that_lacks_is_told_from_wrong_keys(tmp_path: Path, name: str, words: str) -> None:
    assert words in await said(tmp_path, ALL[name], {}, turn={"denied": ["*"]})


@pytest.mark.parametrize("name", ALL)
async def test_an_address_where_the_vendor_is_not_is_named(tmp_path: Path, name: str) -> None:
    assert f"{name.upper()}_ENDPOINT" in await said(tmp_path, ALL[name], {}, path="/elsewhere")

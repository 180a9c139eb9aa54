"""`.env.example` lists every setting there is, and nothing else."""

from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic_settings import BaseSettings

from bot.providers import load
from bot.settings import Settings
from tests.bot.env_example import PATH, expected
from tests.vendors import ours


def test_the_file_is_what_the_settings_say() -> None:
    assert PATH.read_text(encoding="utf-8") == expected(), "run python -m tests.bot.env_example"


def test_every_setting_of_the_bot_and_of_each_vendor_stands_in_it_once() -> None:
    lines = PATH.read_text(encoding="utf-8").splitlines()
    named = [line.lstrip("#").split("=")[0] for line in lines if "=" in line and not line.startswith("# ")]
    wanted = [name.upper() for name in Settings.model_fields]
    for vendor in ours().values():
        prefix = str(vendor.Settings.model_config["env_prefix"])
        wanted += [f"{prefix}{name}".upper() for name in vendor.Settings.model_fields]
    assert sorted(named) == sorted(wanted)


def test_every_setting_is_described_in_a_sentence() -> None:
    every: list[type[BaseSettings]] = [Settings, *(vendor.Settings for vendor in ours().values())]
    for settings in every:
        for name, field in settings.model_fields.items():
            assert field.description, name
            assert field.description.endswith("."), name


def test_an_untouched_copy_configures_nothing_and_sets_no_default_in_stone(tmp_path: Path) -> None:
    copy = tmp_path / ".env"
    copy.write_text(PATH.read_text(encoding="utf-8"), encoding="utf-8")
    assert not any(dotenv_values(copy).values())
    ready, rest = load({}, env_file=copy)
    assert ready == []
    assert all(one.untouched for one in rest)


def test_a_default_that_is_uncommented_is_accepted_as_it_stands(tmp_path: Path) -> None:
    copy = tmp_path / ".env"
    given = {"AICONTENT_ACCESS_KEY_ID": "id", "AICONTENT_ACCESS_KEY_SECRET": "secret"}
    lines = PATH.read_text(encoding="utf-8").splitlines()
    copy.write_text(
        "\n".join(line[1:] if line[:2] not in {"# ", "#"} and line[:1] == "#" else line for line in lines)
    )
    ready, rest = load(given, env_file=copy)
    assert [provider.name for provider in ready] == ["aicontent"], [one.line for one in rest]
    facts: dict[str, Any] = {"slack_bot_token": "xoxb-1", "slack_app_token": "xapp-1"}
    facts["darkroom_public_url"] = "https://darkroom.example.com"
    changed = Settings(_env_file=copy, **facts)
    plain = Settings(_env_file=None, **facts)
    assert changed == plain

"""Which vendors exist, and what the operator is told of those that are half set up."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bot.providers
from bot.providers import Provider, Unconfigured, discover, load
from bot.providers.aicontent.settings import AicontentSettings
from tests.providers.test_contract import block

KEYS = {"AICONTENT_ACCESS_KEY_ID": "LTAI-id", "AICONTENT_ACCESS_KEY_SECRET": "the-secret"}


def only(rest: list[Unconfigured]) -> Unconfigured:
    (one,) = [each for each in rest if each.name == "aicontent"]
    return one


@pytest.fixture
def second_place(tmp_path: Path) -> Iterator[Path]:
    """A folder that counts as part of the package, so that no test writes into the tree."""
    bot.providers.__path__.append(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    bot.providers.__path__.remove(str(tmp_path))
    for name in set(sys.modules) - before:
        if name.startswith("bot.providers."):
            del sys.modules[name]


def test_vendors_are_found_by_name_in_order_and_machinery_is_not_among_them() -> None:
    found = discover()
    assert list(found) == sorted(found)
    assert "aicontent" in found
    assert all(issubclass(kind, Provider) and kind.name == name for name, kind in found.items())
    assert not [name for name in found if name.startswith("_")]


def test_a_new_file_is_a_new_vendor(second_place: Path) -> None:
    before = [*discover()]
    (second_place / "hello.py").write_text(block("python"), encoding="utf-8")
    assert [*discover()] == sorted([*before, "hello"])
    ready, rest = load({})
    assert [provider.name for provider in ready] == ["hello"]
    assert [each.name for each in rest] == before


@pytest.mark.parametrize("text", ["x = 1\n", 'name = "hello"\n'])
def test_a_file_without_a_provider_is_said_to_be_wrong(second_place: Path, text: str) -> None:
    (second_place / "broken.py").write_text(text, encoding="utf-8")
    with pytest.raises(TypeError, match=r"bot\.providers\.broken must hold exactly one Provider"):
        discover()


def test_a_provider_named_unlike_its_file_is_said_to_be_wrong(second_place: Path) -> None:
    (second_place / "greeter.py").write_text(block("python"), encoding="utf-8")
    with pytest.raises(TypeError, match="whose name is 'greeter'"):
        discover()


async def test_a_vendor_whose_keys_are_set_is_ready() -> None:
    (provider,), rest = load(KEYS)
    assert provider.name == "aicontent"
    assert all(each.untouched for each in rest)
    assert provider.settings.access_key_secret.get_secret_value() == "the-secret"
    await provider.http.aclose()


def test_a_vendor_nobody_asked_for_is_not_complained_of() -> None:
    ready, rest = load({"PATH": "/bin", "AICONTENT_ACCESS_KEY_ID": ""})
    assert ready == []
    assert only(rest).untouched
    assert "AICONTENT_ACCESS_KEY_ID, AICONTENT_ACCESS_KEY_SECRET" in only(rest).line


def test_a_half_set_vendor_names_what_is_missing_in_one_line() -> None:
    _, rest = load({"AICONTENT_ACCESS_KEY_ID": "LTAI-id"})
    told = only(rest)
    assert not told.untouched
    assert told.missing == ("AICONTENT_ACCESS_KEY_SECRET",)
    assert told.line == "aicontent is only half set up: set AICONTENT_ACCESS_KEY_SECRET."


@pytest.mark.parametrize(
    ("variable", "value", "clause"),
    [
        ("AICONTENT_ENDPOINT", "http://evil-value.example", "must begin with https://"),
        ("AICONTENT_ENDPOINT", "https://user:evil-value@example.com", "must be scheme and host only"),
        ("AICONTENT_ENDPOINT", "evil-value", "must be scheme and host only"),
        ("AICONTENT_PHOTOS_MIN", "evil-value", "valid integer"),
        ("AICONTENT_TRAIN_POLL_FIRST", "evil-value", "must be a number of seconds"),
        ("AICONTENT_TRAIN_POLL_FIRST", "0", "greater than"),
        ("AICONTENT_IMAGE_ENCODING", "evil-value", "'raw' or 'base64'"),
        ("AICONTENT_PHOTOS_MIN", "31", "more than AICONTENT_PHOTOS_MAX"),
        ("AICONTENT_SUBJECTS", "dog, evil-value", "match pattern"),
        ("AICONTENT_TRAIN_DEADLINE", "30", "AICONTENT_TRAIN_POLL_MOST"),
        ("AICONTENT_ENDPOINT", "https://evil-value.example:99999", "a port up to 65535"),
        ("AICONTENT_ENDPOINT", "https://evil-value example.com", "must be a host"),
        ("AICONTENT_PROXY", "evil-value:3128", "must be a URL such as http://proxy.example.com:3128"),
        ("AICONTENT_PROXY", "socks5://evil-value:1080", "must be a URL such as http://"),
        ("AICONTENT_PROXY", "http://user:evil-value@proxy.example:99999", "must be a URL such as http://"),
        ("AICONTENT_ACCESS_KEY_ID", "evil-value–1", "without spaces or accents: copy it anew"),
        ("AICONTENT_ACCESS_KEY_SECRET", "evil-value 1", "without spaces or accents: copy it anew"),
        ("AICONTENT_SECURITY_TOKEN", "evil-value\n1", "without spaces or accents: copy it anew"),
    ],
)
def test_a_wrong_value_is_named_by_its_variable_and_not_repeated(
    variable: str, value: str, clause: str
) -> None:
    ready, rest = load({**KEYS, variable: value})
    told = only(rest)
    assert ready == []
    assert len(told.wrong) == 1
    assert clause in told.wrong[0]
    assert variable in told.line
    assert "\n" not in told.line
    assert not [secret for secret in ("evil-value", *KEYS.values()) if secret in repr(told) + told.line]


def test_a_mistyped_variable_is_named_with_the_right_one() -> None:
    _, rest = load({"AICONTENT_ACCESS_KEY_ID": "x", "AICONTENT_ACESS_KEY_SECRET": "the-secret"})
    told = only(rest)
    assert told.missing == ("AICONTENT_ACCESS_KEY_SECRET",)
    assert told.wrong == ("AICONTENT_ACESS_KEY_SECRET is no setting, AICONTENT_ACCESS_KEY_SECRET is",)


async def test_the_environment_stands_above_the_env_file(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text(
        "AICONTENT_ACCESS_KEY_ID=from-file\nAICONTENT_ACCESS_KEY_SECRET=from-file\n", encoding="utf-8"
    )
    (provider,), _ = load({"AICONTENT_ACCESS_KEY_ID": "from-env"}, env_file=env_file)
    assert provider.settings.access_key_id == "from-env"
    assert provider.settings.access_key_secret.get_secret_value() == "from-file"
    await provider.http.aclose()
    assert load({}, env_file=tmp_path / "missing")[0] == []


async def test_an_empty_variable_hides_nothing_of_the_env_file(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("\n".join(f"{name}={value}" for name, value in KEYS.items()), encoding="utf-8")
    (provider,), _ = load(dict.fromkeys(KEYS, ""), env_file=env_file)
    assert provider.settings.access_key_id == KEYS["AICONTENT_ACCESS_KEY_ID"]
    await provider.http.aclose()


async def test_without_a_mapping_the_process_s_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in KEYS.items():
        monkeypatch.setenv(variable, value)
    (provider,), _ = load()
    assert provider.settings.access_key_id == "LTAI-id"
    await provider.http.aclose()


def test_settings_built_by_hand_take_nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICONTENT_PHOTOS_MIN", "7")
    assert AicontentSettings(access_key_id="x", access_key_secret="y").photos_min == 3


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1/"])
def test_an_address_of_this_machine_needs_no_encryption(endpoint: str) -> None:
    settings = AicontentSettings(access_key_id="x", access_key_secret="y", endpoint=endpoint)
    assert settings.endpoint == endpoint.rstrip("/")


def test_settings_do_not_show_their_secrets() -> None:
    settings = AicontentSettings(
        access_key_id="x", access_key_secret="the-secret", security_token="the-token", proxy="http://u:p@h:1"
    )
    shown = repr(settings) + str(settings)
    assert not [secret for secret in ("the-secret", "the-token", "u:p@") if secret in shown]


def test_every_setting_of_every_vendor_says_what_it_is() -> None:
    for kind in discover().values():
        assert all(field.description for field in kind.Settings.model_fields.values())

"""Installing by consent, tokens that rotate, and what remains after they are taken back."""

import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from slack_bolt.adapter.asgi.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp, AsyncSay
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_sdk.oauth.installation_store import FileInstallationStore, Installation
from slack_sdk.oauth.state_store import FileOAuthStateStore
from slack_sdk.oauth.token_rotation.async_rotator import AsyncTokenRotator
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import DEFAULT_MANIFEST, Director, LocalSlack, ManualClock, Refused
from tests.sandbox.slack.harness import client_of, listening, refusal
from tests.sandbox.slack.receiver import serving

# The SDK's client still builds its Basic header in a way that aiohttp has begun to frown upon.
pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")

BACK = "http://127.0.0.1:1/slack/oauth_redirect"
SCOPES = {
    "bot": ["chat:write", "channels:history", "commands"],
    "bot_optional": ["users:read"],
    "user": ["search:read"],
}
EVENTS = [
    *DEFAULT_MANIFEST["settings"]["event_subscriptions"]["bot_events"],
    "tokens_revoked",
    "app_uninstalled",
]


def manifest(*, rotating: bool = False, scopes: dict[str, list[str]] | None = None) -> dict[str, Any]:
    settings = DEFAULT_MANIFEST["settings"] | {
        "token_rotation_enabled": rotating,
        "event_subscriptions": {"bot_events": EVENTS},
    }
    oauth = {"redirect_urls": [BACK], "scopes": scopes or SCOPES}
    return DEFAULT_MANIFEST | {"oauth_config": oauth, "settings": settings}


@dataclass
class World:
    """A local Slack whose app is installed by consent, and the app's own credentials."""

    slack: LocalSlack
    director: Director
    client: AsyncWebClient
    clock: ManualClock
    keys: dict[str, str]

    def link(self, **query: str) -> str:
        asked = {
            "client_id": self.keys["client_id"],
            "scope": "chat:write,channels:history,commands",
            "state": "s1",
            "redirect_uri": BACK,
        }
        kept = {k: v for k, v in (asked | query).items() if v}
        return f"{self.slack.origin}/oauth/v2/authorize?{urlencode(kept)}"

    async def code(self, user: str = "ana", **query: str) -> str:
        back = urlsplit(await self.director.developer.consent(user, self.link(**query)))
        return parse_qs(back.query)["code"][0]

    async def access(self, **arguments: str) -> dict[str, Any]:
        keys = {k: self.keys[k] for k in ("client_id", "client_secret")}
        return dict((await self.client.oauth_v2_access(**keys, **arguments)).data)

    async def install(self, user: str = "ana", **query: str) -> dict[str, Any]:
        return await self.access(code=await self.code(user, **query), redirect_uri=BACK)


async def world_of(path: Path, **about: Any) -> AsyncIterator[World]:
    clock = ManualClock()
    async with (
        LocalSlack.start(path, manifest=manifest(**about), clock=clock) as slack,
        Director(slack.origin) as director,
        client_of(slack, "") as client,
    ):
        keys = (await director.developer.app())["credentials"]
        yield World(slack, director, client, clock, keys)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async for one in world_of(tmp_path / "slack"):
        yield one


@pytest.fixture
async def rotating(tmp_path: Path) -> AsyncIterator[World]:
    async for one in world_of(tmp_path / "slack", rotating=True):
        yield one


# Consent.


async def test_the_page_names_the_app_and_every_scope_it_asks_for(world: World) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        page = await http.get(world.link(scope="chat:write,users:read", user_scope="search:read"))
    assert page.status_code == 200
    for words in (
        "Darkroom",
        "Halcyon Studio",
        "chat:write",
        "users:read",
        "(optional)",
        "search:read",
        "Ana",
    ):
        assert words in page.text
    assert "Gus Trent" not in page.text


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"client_id": "1.2"}, "invalid_client_id"),
        ({"redirect_uri": "http://127.0.0.1:1/elsewhere"}, "bad_redirect_uri"),
        ({"redirect_uri": "http://127.0.0.1:2/slack/oauth_redirect"}, "bad_redirect_uri"),
        ({"scope": ""}, "no_scopes"),
        ({"scope": "chat:write,admin"}, "invalid_scope"),
        ({"user_scope": "files:write"}, "invalid_scope"),
        ({"team": "T404"}, "invalid_team_for_non_distributed_app"),
    ],
)
async def test_what_may_not_be_asked_for_is_an_error_page(
    world: World, query: dict[str, str], word: str
) -> None:
    with pytest.raises(Refused, match=word):
        await world.director.developer.consent("ana", world.link(**query))


async def test_a_guest_cannot_install(world: World) -> None:
    with pytest.raises(Refused, match="user_cannot_install"):
        await world.code("guest")


async def test_a_refusal_goes_back_with_the_state(world: World) -> None:
    back = await world.director.developer.consent("ana", world.link(state="a&b"), allow=False)
    assert parse_qs(urlsplit(back).query) == {"error": ["access_denied"], "state": ["a&b"]}


async def test_an_optional_scope_is_granted_only_if_it_stays_ticked(world: World) -> None:
    link = world.link(scope="chat:write,users:read")
    back = await world.director.developer.consent("ana", link, optional=[])
    code = parse_qs(urlsplit(back).query)["code"][0]
    granted = await world.access(code=code, redirect_uri=BACK)
    assert "users:read" not in granted["scope"].split(",")
    granted = await world.install(scope="chat:write,users:read")
    assert "users:read" in granted["scope"].split(",")


# Codes.


async def test_a_code_becomes_the_tokens_it_stands_for(world: World) -> None:
    granted = await world.install(user_scope="search:read")
    identity = (await world.director.workspace())["identity"]
    assert granted["access_token"].startswith("xoxb-")
    assert (granted["token_type"], granted["bot_user_id"]) == ("bot", identity["bot_user"])
    assert granted["team"] == {"id": identity["team"], "name": "Halcyon Studio"}
    assert granted["authed_user"]["access_token"].startswith("xoxp-")
    assert granted["authed_user"]["scope"] == "search:read"
    bot = await world.client.auth_test(token=granted["access_token"])
    assert (bot["user"], bot["bot_id"]) == ("darkroom", identity["bot"])
    person = await world.client.auth_test(token=granted["authed_user"]["access_token"])
    assert (person["user"], "bot_id" in person.data) == ("ana", False)


async def test_a_code_is_good_once_and_for_ten_minutes(world: World) -> None:
    code = await world.code()
    await world.access(code=code, redirect_uri=BACK)
    assert (await refusal(world.access(code=code, redirect_uri=BACK)))["error"] == "invalid_code"
    late = await world.code()
    world.clock.advance(601)
    assert (await refusal(world.access(code=late, redirect_uri=BACK)))["error"] == "invalid_code"
    assert (await refusal(world.access(code="nonsense")))["error"] == "invalid_code"


async def test_a_code_is_bound_to_its_redirect_and_to_the_app(world: World) -> None:
    wrong = world.access(code=await world.code(), redirect_uri="http://127.0.0.1:1/other")
    assert (await refusal(wrong))["error"] == "bad_redirect_uri"
    code = await world.code()
    for keys, word in (
        ({"client_id": "1.2", "client_secret": world.keys["client_secret"]}, "invalid_client_id"),
        ({"client_id": world.keys["client_id"], "client_secret": "guess"}, "bad_client_secret"),
    ):
        assert (await refusal(world.client.oauth_v2_access(code=code, **keys)))["error"] == word
    assert (await world.access(code=code, redirect_uri=BACK))["ok"]


async def test_credentials_may_come_in_the_form_too(world: World) -> None:
    form = {k: world.keys[k] for k in ("client_id", "client_secret")} | {
        "code": await world.code(),
        "redirect_uri": BACK,
    }
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = (await http.post(f"{world.slack.api_url}oauth.v2.access", data=form)).json()
    assert answer["ok"]


async def test_codes_and_secrets_are_not_in_the_journal(world: World) -> None:
    code = await world.code()
    granted = await world.access(code=code, redirect_uri=BACK)
    written = str(await world.director.journal())
    for secret in (code, granted["access_token"], world.keys["client_secret"]):
        assert secret not in written


async def test_a_code_outlives_a_restart(tmp_path: Path) -> None:
    async for world in world_of(tmp_path):
        code = await world.code()
    async for world in world_of(tmp_path):
        assert (await world.access(code=code, redirect_uri=BACK))["ok"]


async def test_a_new_scope_waits_for_the_next_installation(world: World) -> None:
    async with client_of(world.slack) as client:
        wider = SCOPES | {"bot": [*SCOPES["bot"], "files:read"]}
        await world.director.developer.configure(manifest(scopes=wider))
        answer = await refusal(client.files_list())
        assert (answer["error"], answer["needed"]) == ("missing_scope", "files:read")
        token = await world.director.developer.reinstall()
        assert token == world.slack.bot_token
        told = await client.files_list()
        assert "files:read" in told.headers["x-oauth-scopes"].split(",")


# Rotation.


async def test_a_rotating_token_ends_after_twelve_hours_and_is_renewed_once(rotating: World) -> None:
    granted = await rotating.install()
    assert granted["access_token"].startswith("xoxe.xoxb-1-")
    assert granted["refresh_token"].startswith("xoxe-1-")
    assert granted["expires_in"] == 43_200
    rotating.clock.advance(43_199)
    assert (await rotating.client.auth_test(token=granted["access_token"]))["expires_in"] == 1
    rotating.clock.advance(1)
    ended = await refusal(rotating.client.auth_test(token=granted["access_token"]))
    assert ended["error"] == "token_expired"
    renewal = {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}
    renewed = await rotating.access(**renewal)
    assert (await rotating.client.auth_test(token=renewed["access_token"]))["user"] == "darkroom"
    assert renewed["refresh_token"] != granted["refresh_token"]
    assert (await refusal(rotating.access(**renewal)))["error"] == "invalid_refresh_token"


async def test_the_sdks_own_rotator_renews_the_bots_and_the_persons_token(rotating: World) -> None:
    granted = await rotating.install(user_scope="search:read")
    installation = Installation(
        user_id=granted["authed_user"]["id"],
        team_id=granted["team"]["id"],
        bot_token=granted["access_token"],
        bot_refresh_token=granted["refresh_token"],
        bot_token_expires_in=1,
        bot_scopes=granted["scope"],
        bot_id="B1",
        bot_user_id=granted["bot_user_id"],
        user_token=granted["authed_user"]["access_token"],
        user_refresh_token=granted["authed_user"]["refresh_token"],
        user_token_expires_in=1,
    )
    keys = {k: rotating.keys[k] for k in ("client_id", "client_secret")}
    rotated = await AsyncTokenRotator(client=rotating.client, **keys).perform_token_rotation(
        installation=installation
    )
    assert rotated is not None
    assert (await rotating.client.auth_test(token=rotated.bot_token))["user"] == "darkroom"
    assert (await rotating.client.auth_test(token=rotated.user_token))["user"] == "ana"


async def test_an_old_token_is_exchanged_for_a_pair_that_rotates(rotating: World) -> None:
    keys = {k: rotating.keys[k] for k in ("client_id", "client_secret")}
    async with client_of(rotating.slack) as client:
        pair = await client.oauth_v2_exchange(token=rotating.slack.bot_token, **keys)
        assert pair["refresh_token"].startswith("xoxe-1-")
        assert (await refusal(client.auth_test()))["error"] == "token_revoked"
        assert (await client.auth_test(token=pair["access_token"]))["ok"]


async def test_no_exchange_without_rotation(world: World) -> None:
    keys = {k: world.keys[k] for k in ("client_id", "client_secret")}
    exchanged = world.client.oauth_v2_exchange(token=world.slack.bot_token, **keys)
    assert (await refusal(exchanged))["error"] == "token_rotation_not_enabled"


# Taking it back.


async def test_a_revoked_token_says_so_and_the_app_is_told(world: World) -> None:
    async with client_of(world.slack) as client, listening(world.slack) as ear:
        await world.director.wait_for_connection()
        assert (await client.auth_revoke(test=True))["revoked"] is False
        assert (await client.auth_revoke())["revoked"] is True
        assert (await refusal(client.auth_test()))["error"] == "token_revoked"
        bot = (await world.director.workspace())["identity"]["bot_user"]
        told = await ear.event("tokens_revoked")
        assert told["tokens"] == {"oauth": [], "bot": [bot]}
        channels = await world.director.channels()
        assert not any(bot in c.members for c in channels if c.kind in ("channel", "group"))
        await world.director.post("ana", "#portraits", "anybody?")
        with pytest.raises(Refused, match="not_a_valid_command"):
            await world.director.command("ana", "#portraits", "/darkroom")
        assert ear.heard.empty()


async def test_an_uninstalled_app_is_told_and_its_tokens_are_inactive(world: World) -> None:
    granted = await world.install(user_scope="search:read")
    keys = {k: world.keys[k] for k in ("client_id", "client_secret")}
    async with client_of(world.slack) as client, listening(world.slack) as ear:
        await world.director.wait_for_connection()
        assert (await client.apps_uninstall(**keys))["ok"]
        for token in (granted["access_token"], granted["authed_user"]["access_token"]):
            assert (await refusal(client.auth_test(token=token)))["error"] == "account_inactive"
        told = await ear.event("tokens_revoked")
        assert told["tokens"] == {"oauth": [granted["authed_user"]["id"]], "bot": [granted["bot_user_id"]]}
        assert await ear.event("app_uninstalled")


async def test_an_app_that_was_removed_stays_so_after_a_restart_and_may_come_back(tmp_path: Path) -> None:
    async for world in world_of(tmp_path):
        await world.director.developer.remove()
    async for world in world_of(tmp_path):
        async with client_of(world.slack) as client:
            assert (await refusal(client.auth_test()))["error"] == "account_inactive"
        granted = await world.install()
        assert (await world.client.auth_test(token=granted["access_token"]))["ok"]
        await world.director.invite_bot("#portraits")
        channel = next(c.id for c in await world.director.channels() if c.name == "portraits")
        posted = await world.client.chat_postMessage(
            token=granted["access_token"], channel=channel, text="back"
        )
        assert posted["ok"]


async def test_bolts_own_flow_installs_talks_and_forgets(tmp_path: Path) -> None:
    """From the install button to the answer in a channel, and until the installation is deleted again."""
    async with (
        LocalSlack.start(tmp_path / "slack", manifest=manifest()) as slack,
        Director(slack.origin) as director,
    ):
        await director.developer.remove()
        keys = (await director.developer.app())["credentials"]
        store = FileInstallationStore(base_dir=str(tmp_path / "installations"), client_id=keys["client_id"])
        app = AsyncApp(
            client=AsyncWebClient(base_url=slack.api_url),
            signing_secret=keys["signing_secret"],
            oauth_settings=AsyncOAuthSettings(
                client_id=keys["client_id"],
                client_secret=keys["client_secret"],
                scopes=SCOPES["bot"],
                authorization_url=f"{slack.origin}/oauth/v2/authorize",
                installation_store=store,
                state_store=FileOAuthStateStore(expiration_seconds=600, base_dir=str(tmp_path / "states")),
            ),
        )
        app.enable_token_revocation_listeners()

        @app.event("message")
        async def answer(event: dict[str, Any], say: AsyncSay) -> None:
            if event.get("user") and not event.get("bot_id"):
                await say(f"You said {event['text']}")

        async with serving(AsyncSlackRequestHandler(app, path="/slack/events")) as origin:
            described = manifest()
            described["oauth_config"] = {
                **described["oauth_config"],
                "redirect_urls": [f"{origin}/slack/oauth_redirect"],
            }
            await director.developer.configure(described)
            await director.developer.post_to(f"{origin}/slack/events")
            async with httpx.AsyncClient(trust_env=False) as browser:
                begun = await browser.get(f"{origin}/slack/install")
                link = html.unescape(re.findall(r'href="(http[^"]+)"', begun.text)[0])
                back = await director.developer.consent("admin", link)
                cookie = begun.headers["set-cookie"].partition(";")[0]
                done = await browser.get(back, headers={"cookie": cookie})
                assert done.status_code == 200
            await director.invite_bot("#portraits")
            await director.post("ana", "#portraits", "hello")
            await director.wait_for_message("#portraits", lambda m: m.text == "You said hello")
            await director.developer.remove()

            async def forgotten() -> bool | None:
                return store.find_bot(enterprise_id=None, team_id=keys["team"]) is None or None

            assert await director.wait_for(forgotten)

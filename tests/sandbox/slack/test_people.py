"""Who is who: guests, locales, closed accounts, private channels; and how the app hears of them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import DEFAULT_MANIFEST, Director, LocalSlack, Refused
from tests.sandbox.slack.harness import Ear, client_of, listening, refusal, user_id

MORE = (
    "member_joined_channel",
    "member_left_channel",
    "reaction_added",
    "reaction_removed",
    "team_join",
    "user_change",
    "channel_archive",
    "channel_unarchive",
    "file_deleted",
)


@pytest.fixture
async def curious(tmp_path: Path) -> AsyncIterator[tuple[LocalSlack, Director, AsyncWebClient, Ear]]:
    """An app that wants to hear of everything."""
    settings: dict[str, Any] = DEFAULT_MANIFEST["settings"]
    events = [*settings["event_subscriptions"]["bot_events"], *MORE]
    scopes = [*DEFAULT_MANIFEST["oauth_config"]["scopes"]["bot"], "reactions:read", "channels:join"]
    manifest = DEFAULT_MANIFEST | {
        "oauth_config": {"scopes": {"bot": scopes}},
        "settings": settings | {"event_subscriptions": {"bot_events": events}},
    }
    async with (
        LocalSlack.start(tmp_path, manifest=manifest, deterministic=True) as slack,
        Director(slack.origin) as director,
        client_of(slack) as client,
        listening(slack) as ear,
    ):
        await director.wait_for_connection()
        yield slack, director, client, ear


async def test_the_two_kinds_of_guests_differ(client: AsyncWebClient, director: Director) -> None:
    one = await director.developer.person("solo", guest="single", real_name="Solo Guest")
    many = await director.developer.person("multi", guest="multi")
    for user, ultra in ((one, True), (many, False)):
        about = (await client.users_info(user=user.id))["user"]
        assert (about["is_restricted"], about["is_ultra_restricted"]) == (True, ultra)
    assert (await client.users_info(user=one.id))["user"]["real_name"] == "Solo Guest"


async def test_a_locale_is_told_only_to_those_who_ask(client: AsyncWebClient, director: Director) -> None:
    user = await director.developer.person("yuki", locale="ja-JP", tz="Asia/Tokyo")
    assert "locale" not in (await client.users_info(user=user.id))["user"]
    about = (await client.users_info(user=user.id, include_locale=True))["user"]
    assert (about["locale"], about["tz"]) == ("ja-JP", "Asia/Tokyo")


async def test_a_closed_account_can_do_nothing_and_is_in_no_channel(
    client: AsyncWebClient, director: Director
) -> None:
    lee = await user_id(director, "lee")
    await director.developer.person("lee", deleted=True)
    assert (await client.users_info(user=lee))["user"]["deleted"]
    assert not any(lee in c.members for c in await director.channels())
    with pytest.raises(Refused, match="user_cannot_act"):
        await director.post("lee", "#portraits", "still here?")
    assert (await refusal(client.conversations_open(users=lee)))["error"] == "user_disabled"
    await director.developer.person("lee", deleted=False)
    assert (await client.conversations_open(users=lee))["ok"]


async def test_a_private_channel_exists_for_its_members_only(
    client: AsyncWebClient, director: Director
) -> None:
    secret = await director.developer.channel("secret", ["ana", "admin"], private=True)
    assert (await refusal(client.conversations_info(channel=secret.id)))["error"] == "channel_not_found"
    assert (await refusal(client.chat_postMessage(channel=secret.id, text="x")))[
        "error"
    ] == "channel_not_found"
    with pytest.raises(Refused, match="not_in_channel"):
        await director.post("lee", "#secret", "let me in")
    await director.invite_bot("#secret")
    assert (await client.conversations_info(channel=secret.id))["channel"]["is_private"]
    await director.remove_bot("#secret")
    assert (await refusal(client.conversations_info(channel=secret.id)))["error"] == "channel_not_found"


async def test_comings_and_goings_are_told(
    curious: tuple[LocalSlack, Director, AsyncWebClient, Ear],
) -> None:
    slack, director, _, ear = curious
    bot = slack.parts.workspace.identity.bot_user
    await director.invite_bot("#general")
    joined = await ear.event("member_joined_channel")
    assert (joined["user"], joined["channel_type"]) == (bot, "C")
    assert (await ear.event("message", "channel_join"))["user"] == bot
    await director.developer.invite("guest", "#general")
    assert (await ear.event("member_joined_channel"))["user"] == await user_id(director, "guest")
    await director.developer.kick("guest", "#general")
    assert (await ear.event("member_left_channel"))["user"] == await user_id(director, "guest")
    await director.archive("#general")
    assert (await ear.event("channel_archive"))["channel"]
    await director.archive("#general", archived=False)
    assert (await ear.event("channel_unarchive"))["channel"]


async def test_joining_and_leaving_by_the_apps_own_wish(
    curious: tuple[LocalSlack, Director, AsyncWebClient, Ear],
) -> None:
    _, director, client, ear = curious
    hall = await director.developer.channel("hall", ["ana"])
    assert (await client.conversations_join(channel=hall.id))["channel"]["is_member"]
    again = await client.conversations_join(channel=hall.id)
    assert (again["warning"], again["response_metadata"]["warnings"]) == (
        "already_in_channel",
        ["already_in_channel"],
    )
    assert (await ear.event("member_joined_channel"))["channel"] == hall.id
    mine = await client.users_conversations()
    assert hall.id in [c["id"] for c in mine["channels"]]
    assert (await client.conversations_leave(channel=hall.id))["ok"]
    assert (await client.conversations_leave(channel=hall.id))["not_in_channel"]


async def test_changes_of_people_are_told(curious: tuple[LocalSlack, Director, AsyncWebClient, Ear]) -> None:
    _, director, _, ear = curious
    await director.developer.person("yuki", locale="ja-JP")
    assert (await ear.event("team_join"))["user"]["name"] == "yuki"
    await director.developer.person("yuki", locale="fr-FR")
    assert (await ear.event("user_change"))["user"]["locale"] == "fr-FR"


async def test_emoji_of_people_and_of_the_app_are_told(
    curious: tuple[LocalSlack, Director, AsyncWebClient, Ear],
) -> None:
    _, director, client, ear = curious
    posted = await director.post("ana", "#portraits", "look")
    await director.react("lee", "#portraits", posted.ts, ":eyes:")
    added = await ear.event("reaction_added")
    assert (added["reaction"], added["item"]["ts"], added["item_user"]) == ("eyes", posted.ts, posted.user)
    await client.reactions_add(channel=posted.channel, timestamp=posted.ts, name="eyes")
    shown = (await client.reactions_get(channel=posted.channel, timestamp=posted.ts))["message"]["reactions"]
    assert [(r["name"], r["count"]) for r in shown] == [("eyes", 2)]
    assert len((await client.reactions_list())["items"]) == 1
    await director.react("lee", "#portraits", posted.ts, "eyes", remove=True)
    await client.reactions_remove(channel=posted.channel, timestamp=posted.ts, name="eyes")
    assert (await ear.event("reaction_removed"))["user"] == await user_id(director, "lee")
    [message] = await director.messages("#portraits")
    assert message.reactions == {}


async def test_a_name_is_given_once(director: Director) -> None:
    with pytest.raises(Refused, match="name_taken"):
        await director.developer.channel("#general", ["ana"])
    with pytest.raises(Refused, match="unknown_guest_kind"):
        await director.developer.person("x", guest="double")  # type: ignore[arg-type]

"""Keys and types of answers and payloads, held against those of Slack's published samples.

No key that is in no sample, and each of its published type. Which keys are always sent, and messages, files,
views and what people do with them, is held by `shapes.py`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import DEFAULT_MANIFEST, Director, LocalSlack, Upload
from tests.sandbox.slack.harness import client_of, listening, png
from tests.sandbox.slack.samples import PUBLISHED, sample

NEWER = {"/event/event_ts", "/event/user/profile/status_emoji_display_info"}
# What Slack sends although its samples lack it, or where a sample is of another plan or age.
BEYOND: dict[str, set[str]] = {
    "*": {"/response_metadata", "/context_team_id", "/context_enterprise_id"},
    # The sample has it inside of "event"; Slack's page on the event has it on top.
    "app_rate_limited": {"/minute_rate_limited"},
    # Told of direct messages by conversations.info, and of one that is opened with return_im.
    "conversations.open": {"/channel/is_user_deleted"},
    "team_join": NEWER,
    "user_change": NEWER,
}


def pointers(node: Any, published: dict[str, str], at: str = "") -> Iterator[tuple[str, Any]]:
    """Every place in a document that the samples speak of, and what is there."""
    if published.get(at) == "any":
        return
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{at}/{key}", value
            yield from pointers(value, published, f"{at}/{key}")
    elif isinstance(node, list):
        for value in node:
            yield f"{at}/*", value
            yield from pointers(value, published, f"{at}/*")


def kind(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case dict():
            return "object"
        case list():
            return "array"
    return "any"


def differences(name: str, document: Any) -> list[str]:
    published = PUBLISHED[name]
    found = []
    for pointer, value in pointers(document, published):
        if pointer in BEYOND["*"] | BEYOND.get(name, set()):
            continue
        known = published.get(pointer)
        if known is None:
            found.append(f"{pointer} is in no sample")
        elif "any" not in (known, kind(value)) and known != kind(value):
            found.append(f"{pointer} is a {kind(value)}, published is a {known}")
    return found


@dataclass
class Told:
    """Everything the app was told and answered, by kind."""

    documents: dict[str, Any] = field(default_factory=dict)


MORE = [
    "app_uninstalled",
    "channel_archive",
    "file_deleted",
    "member_joined_channel",
    "member_left_channel",
    "reaction_added",
    "reaction_removed",
    "team_join",
    "tokens_revoked",
    "user_change",
]


async def heard(told: Told, slack: LocalSlack, director: Director, client: AsyncWebClient) -> None:
    """Let everything happen that an app may hear of."""

    def note(request: Any) -> dict[str, Any] | None:
        told.documents[request.payload.get("event", request.payload)["type"]] = request.payload
        return None

    async with listening(slack, note):
        await director.wait_for_connection()
        posted = await director.post("ana", "#portraits", "look")
        await director.developer.person("zoe", locale="fr-FR")
        await director.developer.person("zoe", real_name="Zoe")
        await director.developer.invite("zoe", "#portraits")
        await director.developer.kick("zoe", "#portraits")
        await director.react("ana", "#portraits", posted.ts, "eyes")
        await director.react("ana", "#portraits", posted.ts, "eyes", remove=True)
        await director.archive("#portraits")
        await director.archive("#portraits", archived=False)
        uploaded = await client.files_upload_v2(channel=posted.channel, content=png(), filename="a.png")
        mine = uploaded["file"]["id"]
        await director.wait_for_message("#portraits", lambda m: mine in [f.id for f in m.files])
        await client.files_delete(file=mine)
        await director.settings(events_per_hour=1)
        await director.post("ana", "#portraits", "too many")
        await director.settings(events_per_hour=30_000)
        await director.developer.remove()

        async def everything() -> bool:
            return "app_uninstalled" in told.documents

        await director.wait_for_entry(lambda e: e.kind == "event" and e.facts["type"] == "app_uninstalled")
        await director.wait_for(everything)


async def answered(told: Told, slack: LocalSlack, director: Director, client: AsyncWebClient) -> None:
    """Ask for everything that describes somebody or something."""
    users = {u.name: u.id for u in await director.users()}
    here = (await director.post("ana", "#portraits", "x", [Upload("a.png", png())])).channel
    answers = {
        "auth.test": await client.auth_test(),
        "users.info": await client.users_info(user=users["lee"], include_locale=True),
        "conversations.info": await client.conversations_info(channel=here, include_num_members=True),
        "conversations.open": await client.conversations_open(users=users["ana"], return_im=True),
        "conversations.join": await client.conversations_join(channel=here),
        "conversations.members": await client.conversations_members(channel=here),
        "team.info": await client.team_info(),
        "bots.info": await client.bots_info(),
        "apps.connections.open": await client.apps_connections_open(app_token=slack.app_token),
    }
    told.documents |= {name: answer.data for name, answer in answers.items()}
    keys = (await director.developer.app())["credentials"]
    query = f"client_id={keys['client_id']}&scope=chat:write&user_scope=search:read"
    link = f"{slack.origin}/oauth/v2/authorize?{query}"
    back = await director.developer.consent("ana", link)
    form = {"code": back.partition("code=")[2].partition("&")[0]}
    form |= {k: keys[k] for k in ("client_id", "client_secret")}
    async with httpx.AsyncClient(trust_env=False) as http:
        told.documents["oauth.v2.access"] = (
            await http.post(f"{slack.api_url}oauth.v2.access", data=form)
        ).json()


@pytest.fixture
async def told(tmp_path: Path) -> Told:
    described: dict[str, Any] = json.loads(json.dumps(DEFAULT_MANIFEST))
    described["settings"]["event_subscriptions"]["bot_events"] += MORE
    described["settings"]["token_rotation_enabled"] = True
    oauth = described["oauth_config"]
    oauth["scopes"]["bot"] += ["channels:join", "reactions:read", "team:read"]
    oauth["scopes"]["user"] = ["search:read"]
    oauth["redirect_urls"] = ["http://127.0.0.1:1/back"]
    told = Told()
    async with (
        LocalSlack.start(tmp_path, manifest=described) as slack,
        Director(slack.origin) as director,
        client_of(slack) as client,
    ):
        await answered(told, slack, director, client)
        await heard(told, slack, director, client)
    return told


async def test_every_answer_and_payload_has_the_keys_and_types_of_slacks_samples(told: Told) -> None:
    assert set(told.documents) >= set(PUBLISHED)
    wrong = {name: differences(name, told.documents[name]) for name in PUBLISHED}
    assert {name: found for name, found in wrong.items() if found} == {}


def test_a_key_nobody_publishes_and_a_type_of_ones_own_are_noticed() -> None:
    assert differences("auth.test", {"ok": True, "song": 1}) == ["/song is in no sample"]
    assert differences("auth.test", {"team": 1}) == ["/team is a number, published is a string"]


def test_a_shape_takes_its_types_from_the_samples_and_no_key_of_its_own() -> None:
    topic = sample("conversations.info", "previous_names topic/last_set", "/channel")
    assert topic == {"previous_names": [str], "topic": {"last_set": int}}
    with pytest.raises(KeyError, match="/song"):
        sample("auth.test", "ok song")

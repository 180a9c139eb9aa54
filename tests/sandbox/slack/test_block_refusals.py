"""Blocks that reach the Web API: refused in the method's own words."""

from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Director
from tests.sandbox.slack.harness import channel_id, refusal


async def test_bad_blocks_are_refused_with_pointers(client: AsyncWebClient, director: Director) -> None:
    channel = await channel_id(director, "portraits")
    answer = await refusal(client.chat_postMessage(channel=channel, text="x", blocks=[{"type": "sectoin"}]))
    problem = "unsupported type: sectoin [json-pointer:/blocks/0/type]"
    assert answer["error"] == "invalid_blocks"
    assert answer["errors"] == [problem]
    assert answer["response_metadata"] == {"messages": [f"[ERROR] {problem}"]}
    assert await director.messages("#portraits") == []


async def test_blocks_that_are_no_list_and_blocks_that_say_too_much_have_words_of_their_own(
    client: AsyncWebClient, director: Director
) -> None:
    channel = await channel_id(director, "portraits")
    call = {"channel": channel, "text": "x"}
    no_json = await refusal(client.api_call("chat.postMessage", json=call | {"blocks": "[{"}))
    no_list = await refusal(client.api_call("chat.postMessage", json=call | {"blocks": {"type": "divider"}}))
    assert (no_json["error"], no_list["error"]) == ("invalid_blocks_format", "invalid_blocks_format")
    long = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}] * 5
    assert (await refusal(client.chat_postMessage(**call, blocks=long)))["error"] == "msg_blocks_too_long"


async def test_blocks_without_ids_are_given_some(client: AsyncWebClient, director: Director) -> None:
    channel = await channel_id(director, "portraits")
    button = {"type": "button", "text": {"type": "plain_text", "text": "Go"}}
    posted = await client.chat_postMessage(
        channel=channel, text="x", blocks=[{"type": "actions", "elements": [button]}]
    )
    [block] = posted["message"]["blocks"]
    assert block["block_id"]
    assert block["elements"][0]["action_id"]

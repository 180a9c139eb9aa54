# ruff: noqa: INP001  (a script beside its picture is no package.)
"""Play the main job and draw what the local Slack shows of it into `docs/images/thread.png`.

Everything in the picture happened: the words are the messages of a real run, the photos are drawn by code and
the images are what the stand-in delivered. It needs Chromium to turn the page into a picture.

    .venv/bin/python docs/images/draw_thread.py
"""

from __future__ import annotations

import asyncio
import base64
import html
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageChops, ImageOps

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from bot.sandbox.photos import draw_photos  # noqa: E402 - the project is two folders up.
from bot.sandbox.slack import Director, LocalSlack  # noqa: E402
from bot.sandbox.slack.wire import Message, View  # noqa: E402
from bot.sandbox.vendors.aicontent import AicontentStandIn  # noqa: E402
from bot.sandbox.vendors.control import AicontentControl  # noqa: E402

PHOTOS = 7
WISH = {
    "name": "ceramic fox",
    "subject": "object",
    "prompt": "in a meadow at sunset, soft light",
    "count": "4",
    "where": "here",
    "consent": ["agreed"],
}
STYLE = """
body { margin: 0; background: #e9e5ea; color: #1d1c1d }
body { font: 15px/1.46 Lato, 'Liberation Sans', Arial, sans-serif }
main { display: flex; gap: 18px; padding: 18px; align-items: flex-start; width: 1264px }
.column { display: flex; flex-direction: column; gap: 18px } .left { width: 640px } .right { width: 606px }
section { background: #fff; border-radius: 10px; box-shadow: 0 1px 4px #0003; overflow: hidden }
header { padding: 11px 16px; border-bottom: 1px solid #ddd; font-weight: 700 }
header span { font-weight: 400; color: #616061 }
article { display: flex; gap: 9px; padding: 9px 16px }
.body { min-width: 0; flex: 1 } .who b { margin-right: 6px }
.face { flex: none; width: 36px; height: 36px; border-radius: 6px; color: #fff; font-weight: 700 }
.face { display: grid; place-items: center }
.app { background: #e8e8e8; color: #616061; font-size: 10px; padding: 1px 4px; border-radius: 3px }
.app { margin-right: 6px }
time { color: #616061; font-size: 12px } .small { color: #616061; font-size: 13px } p { margin: 2px 0 }
.buttons { display: flex; gap: 8px; margin: 7px 0 2px }
.button { border: 1px solid #bbb; border-radius: 4px; padding: 3px 11px; font-weight: 700; font-size: 14px }
.primary { background: #007a5a; border-color: #007a5a; color: #fff } a { color: #1264a3 }
.files { display: flex; gap: 7px; flex-wrap: wrap; margin-top: 5px }
img { border-radius: 7px; object-fit: cover }
.inline { display: inline-flex; margin-right: 7px }
.at { color: #1264a3; background: #1d9bd11a; padding: 0 2px; border-radius: 3px }
code { background: #f6f6f6; border: 1px solid #ddd; border-radius: 3px; font-size: 12px; padding: 0 3px }
.form { padding: 6px 20px 14px } label { display: block; font-weight: 700; margin-top: 8px }
.value { border: 1px solid #bbb; border-radius: 4px; padding: 4px 10px; margin-top: 3px }
.send { text-align: right; margin-top: 11px }
"""


class Scene(NamedTuple):
    """What was seen, as people saw it."""

    thread: list[Message]
    tray: Message
    form: View
    direct: Message
    files: Mapping[str, bytes]
    names: Mapping[str, str]


async def play(state: Path) -> Scene:
    """Post, train, wait for the images and the DM."""
    photos = [state / f"fox-{number}.jpg" for number in range(1, PHOTOS + 1)]
    for path, data in zip(photos, draw_photos(PHOTOS), strict=True):
        path.write_bytes(data)
    async with (
        LocalSlack.start(state / "slack") as slack,
        AicontentStandIn.start(state / "vendor") as vendor,
        Director(slack.origin) as people,
        AicontentControl(vendor.origin) as control,
    ):
        await control.settings(train_seconds=3, infer_seconds=1)
        bot = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run", "--until-eof"),
            stdin=asyncio.subprocess.PIPE,
            cwd=HERE.parent.parent,
            env=_environment(slack, vendor, state),
        )
        try:
            await people.wait_for_connection(within=30)
            return await _story(people, photos)
        finally:
            assert bot.stdin is not None
            bot.stdin.close()
            await bot.wait()


def _environment(slack: LocalSlack, vendor: AicontentStandIn, state: Path) -> dict[str, str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    ours = {
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
        "SLACK_API_URL": slack.api_url,
        "SLACK_FILE_ORIGINS": slack.origin,
        "DARKROOM_DATA_DIR": str(state / "data"),
        "DARKROOM_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DARKROOM_WEB_PORT": port,
        "AICONTENT_ACCESS_KEY_ID": "sandbox-key-id",
        "AICONTENT_ACCESS_KEY_SECRET": "sandbox-key-secret",
        "AICONTENT_ENDPOINT": vendor.origin,
        "AICONTENT_TRAIN_POLL_FIRST": "1",
        "AICONTENT_GENERATE_POLL_FIRST": "1",
    }
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")} | ours


async def _story(people: Director, photos: list[Path]) -> Scene:
    post = await people.post("ana", "#portraits", "@darkroom our new fox", photos)
    tray = await people.wait_for_message(
        "#portraits", lambda seen: "Train…" in seen.buttons(), thread_ts=post.ts, within=60
    )
    await people.press("ana", "#portraits", tray.ts, "Train…")
    await people.wait_for_view("ana", lambda view: view.submit is not None)
    form = await people.fill("ana", WISH)
    await people.submit("ana")
    direct = await people.wait_for_message(
        "@darkroom", lambda seen: "is ready" in seen.text, viewer="ana", within=120
    )
    await people.wait_for_message(
        "#portraits", lambda seen: "· done ·" in seen.words(), thread_ts=post.ts, within=60
    )
    thread = await people.messages("#portraits", thread_ts=post.ts, viewer="ana")
    shown = {file.id for message in thread for file in message.files}
    shown |= {block["slack_file"]["id"] for block in direct.blocks if block["type"] == "image"}
    files = {one: await people.file_bytes(one) for one in shown}
    return Scene(thread, tray, form, direct, files, {user.id: user.name for user in await people.users()})


# -- the page


def page(scene: Scene) -> str:
    """A page in Slack's manner."""
    thread = "".join(_message(scene, message, 132) for message in scene.thread)
    left = _panel("Thread", "# portraits", thread)
    left += _panel("darkroom", "direct message to ana", _message(scene, scene.direct, 132))
    right = _panel("Reply", "as it stood before Train…", _message(scene, scene.tray, 0))
    right += _panel(html.escape(scene.form.title), "the form behind Train…", _form(scene))
    columns = f"<div class='column left'>{left}</div><div class='column right'>{right}</div>"
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><main>{columns}</main>"


def _panel(title: str, about: str, content: str) -> str:
    return f"<section><header>{title} <span>{about}</span></header>{content}</section>"


def _message(scene: Scene, message: Message, side: int) -> str:
    is_bot = message.user_name == "darkroom"
    at = datetime.fromtimestamp(float(message.ts), UTC)
    name = html.escape(message.user_name)
    face = f"<div class=face style='background:{'#7a1f1f' if is_bot else '#3f6f8f'}'>{name[0].upper()}</div>"
    app = "<span class=app>APP</span>" if is_bot else ""
    who = f"<div class=who><b>{name}</b>{app}<time>{at:%H:%M}</time></div>"
    words = "".join(_block(scene, block, side) for block in message.blocks)
    files = "".join(_image(scene, file.id, side) for file in message.files)
    words = words or f"<p>{_text(scene, message.text)}</p>"
    return f"<article>{face}<div class=body>{who}{words}<div class=files>{files}</div></div></article>"


def _block(scene: Scene, block: dict[str, Any], side: int) -> str:
    match block["type"]:
        case "section":
            return f"<p>{_text(scene, block['text']['text'])}</p>"
        case "context":
            return "".join(f"<p class=small>{_text(scene, one['text'])}</p>" for one in block["elements"])
        case "actions":
            made = (
                f"<span class='button {one.get('style', '')}'>{html.escape(one['text']['text'])}</span>"
                for one in block["elements"]
            )
            return f"<div class=buttons>{''.join(made)}</div>"
        case "image":
            return f"<span class=inline>{_image(scene, block['slack_file']['id'], side)}</span>"
        case "rich_text":
            parts = [part for line in block["elements"] for part in line["elements"]]
            return f"<p>{''.join(_rich(scene, part) for part in parts)}</p>"
        case _:
            return ""


def _rich(scene: Scene, part: dict[str, Any]) -> str:
    if part["type"] == "user":
        return f"<span class=at>@{scene.names[part['user_id']]}</span>"
    return html.escape(str(part.get("text", "")))


def _text(scene: Scene, text: str) -> str:
    """Slack's mrkdwn, as far as our messages use it."""
    text = re.sub(r"<!date\^(\d+)\^[^>]*>", lambda m: f"{datetime.fromtimestamp(int(m[1]), UTC):%H:%M}", text)
    text = re.sub(r"<@(\w+)>", lambda m: f"\0span class=at\1@{scene.names.get(m[1], m[1])}\0/span\1", text)
    text = re.sub(r"<[^|>]*\|([^>]*)>", "\0a\1\\1\0/a\1", text).replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"\*([^*\n]+)\*", r"<b>\1</b>", re.sub(r"`([^`\n]+)`", r"<code>\1</code>", text))
    return text.replace("\0", "<").replace("\1", ">").replace("\n", "<br>")


def _image(scene: Scene, file_id: str, side: int) -> str:
    with Image.open(io.BytesIO(scene.files[file_id])) as opened:
        small = ImageOps.exif_transpose(opened).convert("RGB")
        small.thumbnail((2 * side, 2 * side))
    sink = io.BytesIO()
    small.save(sink, "PNG")
    data = base64.b64encode(sink.getvalue()).decode()
    return f"<img width={side} height={side} src='data:image/png;base64,{data}'>"


def _form(scene: Scene) -> str:
    parts = []
    for block in scene.form.blocks:
        if block["type"] != "input":
            parts.append(_block(scene, block, 0))
            continue
        element = block["element"]
        chosen = scene.form.values[block["block_id"]][element["action_id"]]
        parts.append(f"<label>{html.escape(block['label']['text'])}</label>{_filled(element, chosen)}")
    send = f"<div class=send><span class='button primary'>{html.escape(scene.form.submit or '')}</span></div>"
    return f"<div class=form>{''.join(parts)}{send}</div>"


def _filled(element: dict[str, Any], chosen: dict[str, Any]) -> str:
    if element["type"] in {"radio_buttons", "checkboxes"}:
        picked = [chosen.get("selected_option"), *(chosen.get("selected_options") or ())]
        values = {one["value"] for one in picked if one}
        on, off = ("☑", "☐") if element["type"] == "checkboxes" else ("◉", "○")
        return "".join(
            f"<p>{on if one['value'] in values else off} {html.escape(one['text']['text'])} "
            f"<span class=small>{html.escape((one.get('description') or {}).get('text', ''))}</span></p>"
            for one in element["options"]
        )
    value = chosen.get("value") or (chosen.get("selected_option") or {}).get("text", {}).get("text", "")
    return f"<div class=value>{html.escape(value)}</div>"


def shoot(page_file: Path, picture: Path) -> None:
    """Let Chromium draw the page; crop what is empty below, and keep the file small."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit(
            "Chromium is needed to draw the page: install it, for example from your distribution's packages."
        )
    raw = page_file.with_suffix(".png")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1300,2400"]
    command = [chromium, *flags, f"--screenshot={raw}", page_file.as_uri()]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - every word of it is ours.
    with Image.open(raw) as opened:
        shot = opened.convert("RGB")
    ground = Image.new("RGB", shot.size, shot.getpixel((2, 2)))
    box = ImageChops.difference(shot, ground).getbbox()
    assert box is not None
    shot = shot.crop((0, 0, 1300, min(shot.height, box[3] + 18)))
    colours = shot.quantize(256)
    shot.quantize(palette=colours, dither=Image.Dither.FLOYDSTEINBERG).save(picture, optimize=True)


def main() -> None:
    """Play, draw, keep."""
    with tempfile.TemporaryDirectory() as state:
        scene = asyncio.run(play(Path(state)))
        drawn = Path(state) / "thread.html"
        drawn.write_text(page(scene), encoding="utf-8")
        shoot(drawn, HERE / "thread.png")


if __name__ == "__main__":
    main()

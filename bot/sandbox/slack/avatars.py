"""Faces: a coloured square with an initial, drawn for whoever has none."""

import io
import re

from PIL import Image, ImageDraw
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.sandbox.slack.parts import Parts
from bot.sandbox.slack.shapes import COLOURS

NAME = re.compile(r"(\w+)_(\d{1,3})\.png")


class Avatars:
    """Everybody's picture, under the addresses that profiles give."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def picture(self, request: Request) -> Response:
        """Draw one."""
        found = NAME.fullmatch(request.path_params["name"])
        user = self._parts.workspace.users.get(found[1]) if found else None
        if found is None or user is None:
            return PlainTextResponse("Not found", 404)
        edge = max(16, min(int(found[2]), 512))
        colour = COLOURS[sum(user.id.encode()) % len(COLOURS)]
        face = Image.new("RGB", (edge, edge), f"#{colour}")
        pen = ImageDraw.Draw(face)
        pen.text((edge / 2, edge / 2), user.name[:1].upper(), fill="white", anchor="mm", font_size=edge * 0.6)
        out = io.BytesIO()
        face.save(out, "PNG")
        return Response(out.getvalue(), media_type="image/png")

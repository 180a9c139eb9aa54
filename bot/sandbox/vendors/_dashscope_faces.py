"""The photo check of the DashScope stand-in: one verdict for each picture, in the order they were given."""

from starlette.requests import Request

from bot.sandbox.vendors._counter import Outcome
from bot.sandbox.vendors._dashscope_answers import check_model, done, invalid, refused
from bot.sandbox.vendors._dashscope_door import read_json
from bot.sandbox.vendors._dashscope_fates import Fates
from bot.sandbox.vendors._dashscope_pictures import Failed, verdict
from bot.sandbox.vendors._dashscope_sources import is_link, resolves_oss
from bot.sandbox.vendors._dashscope_work import Workshop
from bot.sandbox.vendors._state import Json

MODEL = "facechain-facedetect"
_NO_FACE = "no face detected"


class Faces:
    """D1."""

    def __init__(self, shop: Workshop, fates: Fates) -> None:
        self._shop = shop
        self._fates = fates

    async def detect(self, request: Request) -> Outcome:
        """Fetch every photo and look at it. Raises Refused."""
        if "x-dashscope-async" in request.headers:
            raise refused(403, "AccessDenied", "current user api does not support asynchronous calls.")
        body = await read_json(request)
        check_model(body.get("model"), MODEL)
        given = body.get("input")
        images = given.get("images") if isinstance(given, dict) else None
        if not isinstance(images, list) or not images:
            raise invalid("images is required.")
        if not isinstance(body.get("parameters", {}), dict):
            raise invalid("parameters must be an object.")
        reasons: list[str] = []
        for image in images:
            if not isinstance(image, str) or not is_link(image):
                raise refused(400, "InvalidURL", "The URL is not valid.")
            try:
                data = await self._shop.sources.read(
                    image, subject="faces", resolves_oss=resolves_oss(request)
                )
            except Failed as failed:
                raise refused(400, failed.code, failed.message) from failed
            reasons.append(await self._shop.workers.reckon(verdict, data))
        if (fault := self._fates.faceless("DetectFaces")) is not None:
            blind = int(fault.number("photo", 0))
            reasons = [_NO_FACE if index == blind else why for index, why in enumerate(reasons)]
        is_face: list[Json] = [not why for why in reasons]
        return done(output={"is_face": is_face, "failed_reason": [*reasons]}, usage={})

"""The object store of the Img Open stand-in: pictures, LoRAs and previews of checkpoints, by signed link."""

import json
from collections.abc import Callable, Mapping

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.sandbox import trainer
from bot.sandbox.vendors._counter import Counter, Outcome, Refused
from bot.sandbox.vendors._faults import Fault, FaultKind
from bot.sandbox.vendors._img_open_orders import FORMATS
from bot.sandbox.vendors._img_open_shop import Shop
from bot.sandbox.vendors._img_open_shown import STORE
from bot.sandbox.vendors._img_open_tasks import Task
from bot.sandbox.vendors._img_open_work import Workshop
from bot.sandbox.vendors._links import Links, xml_error

ACTION = "Download"
_PREVIEW = 192


class Store:
    """Hands files to whoever has a link that is still good, and nothing to whoever shows keys with it."""

    def __init__(
        self,
        shop: Shop,
        workshop: Workshop,
        links: Links,
        shows_keys: Callable[[Mapping[str, str]], bool],
    ) -> None:
        self._shop = shop
        self._workshop = workshop
        self._links = links
        self._shows_keys = shows_keys

    def routes(self, counter: Counter) -> list[Route]:
        """The addresses below the store."""
        served = {
            "/Output/{task:int}/{file}": self._picture,
            "/lora/{task:int}/{file}": self._lora,
            "/models/{model:int}.png": self._model,
        }
        return [
            Route(STORE + path, counter.endpoint(ACTION, self._let_in, serve))
            for path, serve in served.items()
        ]

    async def _let_in(self, request: Request) -> Request:
        if self._shows_keys(request.headers):
            # Whoever sends the keys along shows them to the store, which is another company's.
            shown = xml_error(400, "InvalidArgument", "Unexpected credentials.")
            raise Refused(Outcome(shown, 400, "KEYS_SHOWN"))
        if (refusal := self._links.refusal(request)) is not None:
            raise Refused(Outcome(refusal, refusal.status_code, "LINK_REFUSED"))
        return request

    async def _picture(self, request: Request) -> Outcome:
        # Nothing is looked at twice: a link is signed for its path, so that there is such a file.
        task = self._shop.tasks.get(request.path_params["task"])
        name, _, ending = request.path_params["file"].rpartition(".")
        index = int(name.rpartition("-")[2])

        def is_dead(fault: Fault) -> bool:
            return fault.details.get("job") in {None, task.name} and index == fault.number("image", 0)

        if self._shop.faults.take({FaultKind.DEAD_IMAGE}, ACTION, is_dead) is not None:
            raise _no_such_key()
        data = self._workshop.picture_path(task, index).read_bytes()
        return _file(data, f"image/{FORMATS[ending].lower()}", task.name)

    async def _lora(self, request: Request) -> Outcome:
        task = self._shop.tasks.get(request.path_params["task"])
        data = self._workshop.model_path(task.id).read_bytes()
        return _file(_safetensors(data, task), "application/octet-stream", task.name)

    async def _model(self, request: Request) -> Outcome:
        number = request.path_params["model"]
        data = await self._shop.workers.reckon(trainer.draw, None, "", seed=number, size=_PREVIEW)
        return _file(data, "image/png", None)


def _file(data: bytes, media_type: str, subject: str | None) -> Outcome:
    return Outcome(Response(data, media_type=media_type), httpx.codes.OK, None, subject)


def _no_such_key() -> Refused:
    response = xml_error(404, "NoSuchKey", "The specified key does not exist.")
    return Refused(Outcome(response, 404, "NoSuchKey"))


def _safetensors(data: bytes, task: Task) -> bytes:
    """What was learnt, in the format of a LoRA's file; the photos it keeps for drawing stay here."""
    model = trainer.Model.from_bytes(data)
    header: dict[str, object] = {
        "__metadata__": {
            "ss_output_name": task.lora,
            "ss_network_module": str(task.wanted["networkModule"]),
            "ss_network_dim": str(task.wanted["networkDim"]),
            "ss_network_alpha": str(task.wanted["networkAlpha"]),
        }
    }
    body = b""
    for name, tensor in {"mean": model.mean, "components": model.components, "spread": model.spread}.items():
        raw = tensor.astype("<f2").tobytes()
        place = [len(body), len(body) + len(raw)]
        header[f"lora_unet.{name}"] = {"dtype": "F16", "shape": list(tensor.shape), "data_offsets": place}
        body += raw
    head = json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + body

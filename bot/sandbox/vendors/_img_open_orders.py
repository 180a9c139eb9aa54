"""Orders for pictures: what text2image, image2image and instantID take, and what they are read as.

Where the vendor's page has no range, it is that of the Stable Diffusion WebUI, whose fields most of these
are. Fields of the WebUI that the page does not name are passed over.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.sandbox.vendors._img_open_answers import missing, wrong
from bot.sandbox.vendors._img_open_catalogue import BY_FILE
from bot.sandbox.vendors._img_open_checks import (
    Check,
    Wrong,
    link,
    mapping,
    number,
    one_of,
    own_id,
    some_text,
    text,
    whole,
    yes_or_no,
)
from bot.sandbox.vendors._img_open_settings import Settings
from bot.sandbox.vendors._state import Json

SAMPLERS = (
    "DPM++ 2M Karras",
    "DPM++ SDE Karras",
    "DPM++ 2M SDE Karras",
    "DPM++ 2M SDE Exponential",
    "DPM++ 3M SDE Karras",
    "Euler a",
    "Euler",
    "LMS",
    "LMS Karras",
    "Heun",
    "DPM2",
    "DPM2 a",
    "DPM2 Karras",
    "DPM2 a Karras",
    "DPM++ 2S a",
    "DPM++ 2S a Karras",
    "DPM++ 2M",
    "DPM++ SDE",
    "DPM fast",
    "DPM adaptive",
    "DDIM",
    "PLMS",
    "UniPC",
)
FORMATS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP"}
TOOL_SIDE = 960
_MAX_SEED = 2**32 - 1
_MOST_SIDE = 2048
_LORA = re.compile(r"<lora:([^:<>]+)(?::(-?\d+(?:\.\d+)?))?>")


@dataclass(frozen=True)
class Order:
    """What is to be drawn."""

    prompt: str
    """Without the LoRAs in it."""
    loras: tuple[str, ...]
    """Those with any weight, in the order they are named."""
    checkpoint: str | None
    images: int
    seed: int
    width: int
    height: int
    ending: str
    sources: tuple[str, ...]
    """Links to the pictures it begins with."""
    callback_url: str | None = None


class _Form:
    """One body, field by field."""

    def __init__(self, body: Mapping[str, Json], prefix: str = "") -> None:
        self._body = body
        self._prefix = prefix

    def needed(self, name: str, check: Check) -> Json:
        """A field that must be there."""
        if self._body.get(name) is None:
            raise missing(self._prefix + name)
        return self.given(name, check, None)

    def given(self, name: str, check: Check, default: Json) -> Json:
        """A field that may be there."""
        value = self._body.get(name)
        if value is None:
            return default
        try:
            return check(value)
        except Wrong as error:
            raise wrong(self._prefix + name, str(error)) from error

    def whole(self, name: str, least: int, most: int, default: int) -> int:
        """A whole number that may be there."""
        value = self.given(name, whole(least, most), default)
        assert isinstance(value, int)
        return value

    def inner(self, name: str) -> "_Form":
        """An object that must be there."""
        value = self.needed(name, mapping)
        assert isinstance(value, dict)
        return _Form(value, f"{self._prefix}{name}.")


def picture_order(body: Mapping[str, Json], settings: Settings, *, from_image: bool) -> tuple[str, Order]:
    """Read a body of text2image or image2image; answers the task's id as well.

    Raises:
        No: something is missing, or no value for its field.
    """
    form = _Form(body)
    service = form.inner("alwayson_scripts")
    task = str(service.needed("id_task", own_id))
    prompt, loras = _prompt(str(form.needed("prompt", some_text(settings.longest_prompt))))
    form.given("negative_prompt", text(settings.longest_prompt), None)
    batch = form.needed("batch_size", whole(1, settings.most_images))
    assert isinstance(batch, int)
    images = batch * form.whole("n_iter", 1, settings.most_images, 1)
    if images > settings.most_images:
        raise wrong("batch_size", f"times n_iter must be at most {settings.most_images}")
    form.given("steps", whole(1, 150), None)
    form.given("cfg_scale", whole(1, 30), None)
    form.given("sampler_index", one_of(SAMPLERS), None)
    form.given("restore_faces", yes_or_no, None)
    checkpoint = str(service.needed("sd_model_checkpoint", some_text()))
    if checkpoint not in BY_FILE:
        raise wrong("alwayson_scripts.sd_model_checkpoint", "names no model")
    ending = _extras(service)
    width, height = _size(form)
    order = Order(
        prompt=prompt,
        loras=loras,
        checkpoint=checkpoint,
        images=images,
        seed=_seed(form),
        width=width,
        height=height,
        ending=ending,
        sources=_sources(service) if from_image else (),
    )
    return task, order


def tool_order(body: Mapping[str, Json], settings: Settings) -> tuple[str, Order]:
    """Read a body of instantID.

    Raises:
        No: something is missing, or no value for its field.
    """
    form = _Form(body)
    task = str(form.needed("businessTaskId", own_id))
    source = str(form.needed("image", link))
    prompt = str(form.needed("prompt", some_text(settings.longest_prompt)))
    form.given("negativePrompt", text(settings.longest_prompt), None)
    for side in ("width", "height"):
        form.given(side, one_of((TOOL_SIDE,)), None)
    form.given("steps", whole(1, 150), None)
    # An integer says the table, and its example is 1.0.
    form.given("guidanceScale", number(0, 30), None)
    seed = form.whole("seed", -1, _MAX_SEED, -1)
    callback = form.given("callbackUrl", link, None)
    order = Order(
        prompt=prompt,
        loras=(),
        checkpoint=None,
        images=1,
        seed=_any_seed() if seed < 0 else seed,
        width=TOOL_SIDE,
        height=TOOL_SIDE,
        ending="png",
        sources=(source,),
        callback_url=None if callback is None else str(callback),
    )
    return task, order


def _prompt(prompt: str) -> tuple[str, tuple[str, ...]]:
    named = tuple(name for name, weight in _LORA.findall(prompt) if not weight or float(weight) != 0)
    return _LORA.sub(" ", prompt), named


def _seed(form: _Form) -> int:
    seed = str(form.given("seed", text(), "-1"))
    if re.fullmatch(r"-1|\d{1,10}", seed) is None or int(seed) > _MAX_SEED:
        raise wrong("seed", f'must be a string: "-1", or a number up to {_MAX_SEED}')
    return _any_seed() if seed == "-1" else int(seed)


def _any_seed() -> int:
    return random.randint(0, _MAX_SEED)


def _size(form: _Form) -> tuple[int, int]:
    width, height = form.whole("width", 128, 1024, 512), form.whole("height", 128, 1024, 512)
    larger = form.given("enable_hr", yes_or_no, default=False)
    scale = form.given("hr_scale", number(1, 4), 2)
    assert isinstance(scale, int | float)
    form.given("hr_second_pass_steps", whole(0, 150), None)
    form.given("hr_upscaler", some_text(), None)
    form.given("denoising_strength", number(0, 1), None)
    wished = tuple(form.whole(name, 0, _MOST_SIDE, 0) for name in ("hr_resize_x", "hr_resize_y"))
    if not larger:
        return width, height
    made = tuple(wish or round(side * scale) for wish, side in zip(wished, (width, height), strict=True))
    if max(made) > _MOST_SIDE:
        raise wrong("hr_scale", f"makes a side of more than {_MOST_SIDE}")
    return made[0], made[1]


def _extras(service: _Form) -> str:
    """Look at the service's own fields; answers the ending of the files."""
    service.given("sd_vae", some_text(), None)
    service.given("ADetailer", mapping, None)
    override = service.given("override_settings", mapping, {})
    assert isinstance(override, dict)
    inner = _Form(override, "alwayson_scripts.override_settings.")
    inner.given("CLIP_stop_at_last_layers", whole(1, 12), None)
    return str(service.given("output_image_format", one_of(tuple(FORMATS)), "png"))


def _sources(service: _Form) -> tuple[str, ...]:
    first = str(service.needed("image_link", link))
    mask = service.given("mask_link", link, None)
    return (first,) if mask is None else (first, str(mask))

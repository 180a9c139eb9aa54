"""The vendors of a world: the stand-in of each, how it is turned there, and how the bot finds it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bot.sandbox.clock import WorldClock
from bot.sandbox.vendors.aicontent import AicontentStandIn
from bot.sandbox.vendors.control import AicontentControl, Control
from bot.sandbox.vendors.dashscope import DashscopeStandIn
from bot.sandbox.vendors.dashscope_control import DashscopeControl
from bot.sandbox.vendors.img_open import ImgOpenStandIn
from bot.sandbox.vendors.img_open_control import ImgOpenControl
from bot.sandbox.vendors.metastudio import PROJECT_ID, MetastudioStandIn
from bot.sandbox.vendors.metastudio_control import MetastudioControl

KEY_ID, KEY_SECRET = "sandbox-key-id", "sandbox-key-secret"
API_KEY = "sandbox-api-key"
_SWIFT = {"train_seconds": 8.0, "infer_seconds": 3.0}
# The bot's links are away while it is started again, and these vendors are patient enough to outlive that.
_PATIENT = {"fetch_attempts": 120, "fetch_pause_seconds": 0.5}


class StandIn(Protocol):
    """A stand-in while it runs."""

    origin: str


@dataclass(frozen=True)
class House:
    """One vendor: `name` is the bot's word for it, and the beginning of its settings."""

    name: str
    label: str
    start: Callable[[Path, int, WorldClock], AbstractAsyncContextManager[StandIn]]
    control: Callable[[str], Control[Any, Any]]
    trains: str
    """The action that begins a training."""
    turned: Mapping[str, Any]
    """The stand-in's settings in a world."""
    settings: Mapping[str, str]
    """The bot's, beside the address and the pace."""
    paces: tuple[str, ...] = field(default=("TRAIN", "GENERATE"))

    def environment(self, origin: str) -> dict[str, str]:
        """The settings by which the bot finds this vendor and looks at its jobs every second."""
        own = {"ENDPOINT": origin, "REQUESTS_PER_SECOND": "10", **self.settings}
        own |= {f"{work}_POLL_{bound}": "1" for work in self.paces for bound in ("FIRST", "MOST")}
        return {f"{self.name.upper()}_{name}": value for name, value in own.items()}


HOUSES = (
    House(
        "aicontent",
        "AIContent",
        lambda home, port, clock: AicontentStandIn.start(
            home, port=port, access_key_id=KEY_ID, access_key_secret=KEY_SECRET, clock=clock
        ),
        AicontentControl,
        trains="AddModelTrainJob",
        turned={**_SWIFT, **_PATIENT},
        # The pictures of a one-shot have ids of their own at this stand-in, so it may be offered.
        settings={"ACCESS_KEY_ID": KEY_ID, "ACCESS_KEY_SECRET": KEY_SECRET, "ONESHOT": "true"},
    ),
    House(
        "dashscope",
        "DashScope",
        lambda home, port, clock: DashscopeStandIn.start(home, port=port, api_key=API_KEY, clock=clock),
        DashscopeControl,
        trains="CreateFineTune",
        # The rates are per second of a world whose clock may run: at this pace they only get in the way.
        turned={
            **_SWIFT,
            **_PATIENT,
            "creates_per_second": 0,
            "queries_per_second": 0,
            "checks_per_second": 0,
        },
        settings={"API_KEY": API_KEY},
    ),
    House(
        "img_open",
        "Img Open",
        lambda home, port, clock: ImgOpenStandIn.start(
            home, port=port, access_key_id=KEY_ID, access_key_secret=KEY_SECRET, clock=clock
        ),
        ImgOpenControl,
        trains="SubmitTraining",
        turned={**_SWIFT, **_PATIENT},
        settings={"ACCESS_KEY_ID": KEY_ID, "ACCESS_KEY_SECRET": KEY_SECRET},
    ),
    House(
        "metastudio",
        "MetaStudio",
        lambda home, port, clock: MetastudioStandIn.start(
            home, port=port, access_key_id=KEY_ID, access_key_secret=KEY_SECRET, clock=clock
        ),
        MetastudioControl,
        trains="CreateTraining",
        # Its review takes a day and its training three; here they take moments.
        turned={
            "auto_review_seconds": 1,
            "manual_review_seconds": 3,
            "train_seconds": 6,
            "compile_seconds": 1,
            "step_seconds": 0.3,
            "render_seconds": 3,
            "throttled": False,
        },
        settings={
            "ACCESS_KEY_ID": KEY_ID,
            "ACCESS_KEY_SECRET": KEY_SECRET,
            "PROJECT_ID": PROJECT_ID,
            "ONESHOT": "true",
        },
    ),
)
"""All of them, in the order of the page's panel."""
VENDORS = tuple(house.name for house in HOUSES)
USUAL = "aicontent"
"""The vendor of a story that names none."""

"""The contract between Darkroom and a vendor.

A provider remembers nothing: everything worth remembering is in the job row. Models are frozen; what is
opaque to all but its vendor (`RemoteRef.id`, `Artifact.locator`) says so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue

from bot.providers._errors import UnexpectedResponse
from bot.providers._http import HttpClient
from bot.providers._settings import ProviderSettings


class Frozen(BaseModel):
    """A value: two of the same content are the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RemoteState(StrEnum):
    """Where a job stands at the vendor, in our six words."""

    QUEUED = "queued"
    RUNNING = "running"
    NEEDS_USER = "needs_user"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Delivery(StrEnum):
    """How an input reaches the vendor."""

    UPLOAD = "upload"
    URL = "url"


class Role(StrEnum):
    """What an input is for. Stored in rows: never rename."""

    PHOTO = "photo"
    VIDEO = "video"
    TEMPLATE = "template"  # a picture whose scene is kept and whose face is replaced
    ID_FRONT = "id_front"  # the side of an identity card with the portrait
    ID_BACK = "id_back"
    LETTER = "letter"  # the signed permission of the person shown
    ACTION_VIDEO = "action_video"  # a film of gestures that goes with the video
    VOICE = "voice"  # recordings of a voice, in a zip, where it is not taken from the video


PAPERS = frozenset({Role.ID_FRONT, Role.ID_BACK, Role.LETTER})
"""Taken by form or direct message, never in a channel; erased as soon as the vendor is done with them."""


class InputSpec(Frozen):
    """One kind of input a vendor takes."""

    role: Role
    min: int
    max: int
    media_types: tuple[str, ...]
    max_bytes: int
    delivery: Delivery
    min_side: int = 256
    """Pixels on the shorter side of a picture."""
    max_side: int | None = None
    """Pixels on the longer side that the vendor takes; larger ones are made smaller for it."""
    max_shorter: int | None = None
    """The same of the shorter side."""
    frames: tuple[tuple[int, int], ...] = ()
    """The only frame sizes of a video, width and height in pixels; empty where any will do."""
    lasts: tuple[timedelta, timedelta] | None = None
    """The shortest and the longest video."""
    picks: bool = False
    """Of more than it takes the person picks on the form, so that a set with more is no refusal."""
    one_face: bool = False
    """Each picture must show exactly one face: none or several are a refusal and no mere warning."""

    def longest(self, width: int, height: int) -> int:
        """Pixels that the longer side of such a picture has once it is made as small as the vendor wants."""
        shorter, longer = sorted((width, height))
        side = min(longer, self.max_side or longer)
        if self.max_shorter is not None and shorter > self.max_shorter:
            side = min(side, longer * self.max_shorter // shorter)
        return side


class Keeping(Frozen):
    """How something that a vendor keeps of a job comes to its end there, as far as its pages say.

    With neither there is no call for it: only the vendor's console, or its support, can erase it.
    """

    by: Literal["tidy", "delete"] | None = None
    """The method of `Provider` whose call erases it."""
    expires: timedelta | None = None
    """After this long the vendor lets go of it by itself."""
    note: str = ""
    """What else its pages say of that, or leave open: a sentence for the receipt of a deletion."""


class Operation(Frozen):
    """What a vendor's training or generation takes and how it behaves; the modal is drawn from it."""

    offered: bool = True
    """False: settings have switched it off. Nothing new begins; what was sent is carried to its end."""
    inputs: tuple[InputSpec, ...] = ()
    inputs_by: Callable[[Mapping[str, JsonValue]], tuple[InputSpec, ...]] | None = None
    """What `inputs` have to be like once these options are chosen, where that depends on them."""
    subjects: tuple[str, ...] = ()
    """The words the vendor knows for what is in the photos, in the order to offer them."""
    options: type[BaseModel] | None = None
    """The vendor's own parameters, each with its default, `title` and `description`.

    A field marked `UPFRONT`, such as a style, is asked for on the form itself; the others under *Advanced*.
    """
    engine: str = ""
    """What carries it out at the vendor, by its name there.

    What shares one is given up together, and counts together against `concurrency`.
    """
    either: tuple[str, Role] | None = None
    """An option and an input that stand for one another: one of the two is given, and not both."""
    prompt_max: int = 0
    """Longest prompt, in characters; 0 where the operation takes no prompt."""
    prompt_bars: str = ""
    """Characters that a prompt must not hold, since the vendor reads something else into them."""
    prompt_means: Literal["picture", "speech"] = "picture"
    """What a prompt describes: the picture to make, or the words that the person in it says."""
    count_max: int = 1
    """Most pictures one request may ask for."""
    idempotent: bool
    """A submission whose answer was lost can be found again with `Provider.find`."""
    concurrency: int
    """How many may be in flight at this vendor at once."""
    gap: timedelta = timedelta(0)
    """Least time between two submissions."""
    poll_first: timedelta
    poll_most: timedelta
    """Polls begin `poll_first` apart and slow down to `poll_most`."""
    deadline: timedelta
    """After this long without a result the job has failed."""
    submit_time: timedelta = timedelta(seconds=120)
    """The longest a submitting call may live, uploads included."""
    grace: timedelta | None = None
    """How long a tentative failure may be taken back; None: as long as for every other vendor."""
    keeps_inputs: Keeping = Keeping()
    """What becomes there of what was given."""
    keeps_model: Keeping = Keeping()
    keeps_results: Keeping = Keeping()
    inspects: bool = False
    """The vendor looks at the inputs for nothing before they are submitted: see `Provider.inspect`."""

    def taking(self, options: Mapping[str, JsonValue]) -> tuple[InputSpec, ...]:
        """What it takes with these options."""
        return self.inputs_by(options) if self.inputs_by else self.inputs


Kind = Literal["training", "generation", "oneshot"]
"""What is asked of a vendor, and the name of its operation."""

UPFRONT: Mapping[str, JsonValue] = {"upfront": True}
"""`json_schema_extra` of an option that everybody should see, not only those who look under *Advanced*."""


class Capabilities(Frozen):
    """What a vendor can do, as data: callers branch on these and never on a vendor's name.

    At least one of `training` and `oneshot` is offered. What settings have switched off is there too, and
    says that it is not `offered`; None is left to what a vendor does not have with any settings.
    """

    label: str
    """The vendor's name as people know it."""
    country: str
    """Where the photos go, for the consent line."""
    training: Operation | None = None
    """Inputs in, a model out that is kept at the vendor."""
    generation: Operation | None = None
    """A model and a wish in, pictures or a clip out."""
    oneshot: Operation | None = None
    """Inputs and a wish in, pictures or a clip out; no model is kept."""
    calls_at_once: int = 4
    """How many polls may be under way together."""

    @property
    def fetches(self) -> bool:
        """Whether this vendor fetches some of its inputs by link, so that there must be an address for it."""
        operations = (self.training, self.generation, self.oneshot)
        return any(
            spec.delivery is Delivery.URL for one in operations if one and one.offered for spec in one.inputs
        )

    def of(self, kind: Kind) -> Operation | None:
        """What there is of one kind, offered or not."""
        match kind:
            case "training":
                return self.training
            case "generation":
                return self.generation
            case "oneshot":
                return self.oneshot


class MediaInput(Frozen):
    """One photo (or other medium) for a vendor: a file on our disk, and a link where the vendor fetches."""

    role: Role
    path: Path
    media_type: str
    url: str | None = None


class TrainingSpec(Frozen):
    """A request to train, complete and frozen."""

    inputs: tuple[MediaInput, ...]
    subject: str
    options: Mapping[str, JsonValue] = {}
    gave: frozenset[Role] = frozenset()
    """What it was given, also for `find`, which has no `inputs`."""
    remote_id: str | None = None
    """The vendor's id of the training, where it has asked for better inputs: it is gone on with, or gone.

    Raise NotFound where the vendor does not have it any more: nothing is made anew in its place.
    """


class GenerationSpec(Frozen):
    """A request to generate pictures with a trained model."""

    model_id: str
    prompt: str | None
    count: int
    seed: int | None = None
    inputs: tuple[MediaInput, ...] = ()
    options: Mapping[str, JsonValue] = {}


class OneshotSpec(Frozen):
    """A request for pictures straight from inputs, without a model that is kept."""

    inputs: tuple[MediaInput, ...]
    subject: str
    prompt: str | None
    count: int
    seed: int | None = None
    options: Mapping[str, JsonValue] = {}


Spec = TrainingSpec | GenerationSpec | OneshotSpec


class Finding(Frozen):
    """What a vendor's own look at one input found."""

    ok: bool
    reason: str | None = None
    """The vendor's words for a refusal."""


class Callback(Frozen):
    """What a vendor told us by calling us, before anybody has believed it."""

    id: str
    """Whose: the vendor's id of the job, or the key that we gave it."""
    key: str = ""
    """Our key, where the vendor has it in another spelling: it may call before its id has reached us."""
    pushed: JsonValue
    """For `Provider.poll`."""
    answer: JsonValue = None
    """What the vendor wants to hear, as JSON, or it calls again; None: a 200 is enough."""


class RemoteRef(Frozen):
    """A job at the vendor. `id` is theirs and opaque; `model_id` is known once a poll has told it."""

    kind: Kind
    id: str
    model_id: str | None = None
    gave: frozenset[Role] = frozenset()
    """What the job was given, where that is known: by it a vendor of several products tells whose it is."""


class Artifact(Frozen):
    """One result. `locator` is opaque to all but its vendor, and stable across polls of one job."""

    locator: str
    media_type: str | None = None
    expires_at: datetime | None = None


class RemoteJob(Frozen):
    """What the vendor says of a job."""

    ref: RemoteRef
    state: RemoteState
    tentative: bool = False
    """A failure that the vendor may take back; it is believed after a grace."""
    progress: float | None = None
    """0 to 1, or None where the vendor does not say."""
    model_id: str | None = None
    artifacts: tuple[Artifact, ...] = ()
    held_back: int = 0
    """Of a success: results that the vendor has made and its own check does not hand out."""
    reason: str | None = None
    """The vendor's words for a failure, for *Details*."""
    cost: Decimal | None = None
    cost_unit: str | None = None
    """What `cost` counts: a currency, or the vendor's own unit such as `training` or `image`."""
    unfinished: bool = False
    """The vendor knows the job but lacks parts of it: the same call with the same key goes on with it.

    Said by `find` after a submission of several steps broke off, and of a job that waits for better inputs
    (`NEEDS_USER`) as long as those have not reached it.
    """
    released: frozenset[Role] = frozenset()
    """Inputs that the vendor is done with, so that ours can be erased before the job ends."""
    wants: frozenset[Role] = frozenset()
    """With `NEEDS_USER`: the inputs that have to be given anew; empty: any of them may be."""
    model_expires_at: datetime | None = None
    """Until when the vendor keeps the model of a finished training, where it says so."""
    poll_after: timedelta | None = None
    details: Mapping[str, JsonValue] = {}
    """Facts worth showing under *Details*: the vendor's status word, its ids."""


S = TypeVar("S", bound=ProviderSettings)


class Provider(ABC, Generic[S]):
    """One vendor."""

    name: ClassVar[str]
    """Stored in rows, so it is never renamed."""
    Settings: ClassVar[type[ProviderSettings]]

    remedy = ""
    """What its operator should mend although it works, once that is found out; without a setting's value."""

    def __init__(self, settings: S, http: HttpClient) -> None:
        self.settings = settings
        self.http = http

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What this vendor can do with these settings."""

    def operation(self, kind: Kind, gave: frozenset[Role] = frozenset()) -> Operation | None:  # noqa: ARG002
        """What holds for one job: of this kind, and given this (empty: unknown).

        A vendor whose settings choose between products answers for the one that the job began with, which
        need not be offered any more. Any other has one operation of a kind.
        """
        return self.capabilities.of(kind)

    @classmethod
    @abstractmethod
    def client(cls, settings: S, **transport: Any) -> HttpClient:
        """The HTTP client this vendor needs: its base URL, signature, pace and time limits."""

    @abstractmethod
    async def check(self) -> None:
        """Ask something free that needs our credentials; the `ProviderError` raised says what is wrong."""

    @abstractmethod
    async def submit(self, spec: TrainingSpec, *, key: str) -> RemoteJob:
        """Start a training. `key` is ours, unique per job and the same at every attempt."""

    @abstractmethod
    async def generate(self, spec: GenerationSpec, *, key: str) -> RemoteJob:
        """Start a generation."""

    async def oneshot(self, spec: OneshotSpec, *, key: str) -> RemoteJob:  # noqa: ARG002
        """Start a one-shot; only asked of a vendor whose capabilities have one."""
        raise UnexpectedResponse(f"{type(self).__name__} has no one-shot.")

    def effort(self, options: Mapping[str, JsonValue], inputs: int) -> str | None:  # noqa: ARG002
        """What a training with these options and so many inputs comes to, such as `1,500 steps`."""
        return None

    def too_much(self, options: Mapping[str, JsonValue], inputs: int) -> tuple[str, str] | None:  # noqa: ARG002
        """The option that makes a training with so many inputs too large, and a sentence that says so."""
        return None

    async def inspect(self, inputs: Sequence[MediaInput]) -> tuple[Finding, ...]:  # noqa: ARG002
        """Have the vendor look at inputs before they are submitted: free, one finding each, in order."""
        return ()

    @abstractmethod
    async def find(
        self, spec: Spec, *, key: str, known: frozenset[str], since: datetime | None = None
    ) -> RemoteJob | None:
        """Look for a job that an earlier `submit`, `generate` or `oneshot` with this key may have started.

        `known` are the vendor's ids of this kind that already belong to other jobs of ours; `since` is when
        the call left, by our clock. None: it is not there (yet: a vendor's list may lag, so the caller looks
        more than once), and a new call may be paid for. Where that cannot be told, raise instead.
        """

    @abstractmethod
    async def poll(self, ref: RemoteRef, *, pushed: JsonValue = None) -> RemoteJob:
        """Ask where the job stands. Cheap, safe to repeat. `pushed` is the vendor's last callback, if any."""

    def callback(self, body: bytes) -> Callback | None:  # noqa: ARG002
        """Read what the vendor sent to our callback address; None where it makes no sense.

        Nothing in it is believed before `poll` has weighed it: whoever knows the address can call. From then
        on every poll of that job is handed the newest `pushed`.
        """
        return None

    async def logs(self, ref: RemoteRef) -> tuple[str, ...]:  # noqa: ARG002
        """The vendor's own log of a job, oldest line first, for *Details*; empty where it keeps none."""
        return ()

    async def tidy(self, ref: RemoteRef, *, key: str) -> None:
        """Let go of what only the job needed there, such as uploads. Called after its end; repeatable.

        `ref.id` is empty where no submission was ever answered: then only `key` tells whose they are.
        """

    @abstractmethod
    def fetch(self, ref: RemoteRef, artifact: Artifact) -> AsyncIterator[bytes]:
        """Stream one result."""

    @abstractmethod
    async def cancel(self, ref: RemoteRef) -> bool:
        """Stop a job. False: it cannot be stopped, so we stop watching, and say so."""

    @abstractmethod
    async def delete(self, ref: RemoteRef) -> bool:
        """Erase what the vendor keeps of an ended job. False: it has no call for that, or refuses it now.

        Repeatable: what is gone already is a yes. `Operation.keeps_…` says what this erases.
        """

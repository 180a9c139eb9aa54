"""The reviews a training passes at MetaStudio: the machine looks at the film, people look at the papers."""

from collections.abc import Callable

from bot.sandbox import trainer
from bot.sandbox.vendors import _metastudio_film as film
from bot.sandbox.vendors._faults import Fault, FaultKind
from bot.sandbox.vendors._metastudio_parts import Parts
from bot.sandbox.vendors._metastudio_states import State
from bot.sandbox.vendors._metastudio_store import Store
from bot.sandbox.vendors._metastudio_trainings import PAPERS, FileKind, Training
from bot.sandbox.vendors._workers import Workers

_ORDERED_BY = "CreateTraining"
_SIZES = {(1920, 1080), (1080, 1920), (3840, 2160), (2160, 3840)}
_WRONG_SIZE = "44005901"
_LEAST_SECONDS, _MOST_SECONDS = 180.0, 600.0
_LEAST_FLEXUS_SECONDS = 60.0
_PAPER_NAMES = {
    FileKind.ID_CARD_1: "the front of the ID card",
    FileKind.ID_CARD_2: "the back of the ID card",
    FileKind.GRANT_FILE: "the authorisation letter",
}


class Refusal(Exception):
    """A review says no; the text is the reviewer's opinion."""

    def __init__(self, reason: str, code: str | None = None, state: State | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.state = state


class Review:
    """Both of them."""

    def __init__(self, parts: Parts, store: Store, workers: Workers) -> None:
        self._parts = parts
        self._store = store
        self._workers = workers

    async def by_machine(self, training: Training) -> None:
        """Look at the film and for the papers.

        Raises:
            Refusal: something is not as it should be, or it was ordered so.
        """
        if (order := self._order(training, "auto")) is not None:
            raise Refusal(order.text("reason", "The video does not meet the requirements."), _code(order))
        if (order := self._order(training, "video")) is not None:
            raise Refusal(
                order.text("reason", "The video was not accepted."), _code(order), State.VIDEO_ANALYZE_FAILED
            )
        path = self._store.file(training, FileKind.TRAINING_VIDEO)
        if path is None:
            raise Refusal("The training video is missing.")
        try:
            shown = await self._workers.reckon(film.probe, path)
        except film.NotAFilm as why:
            raise Refusal(f"The training video is not accepted: {why}.") from why
        if (shown.width, shown.height) not in _SIZES:
            raise Refusal("resolution not accepted", _WRONG_SIZE)
        flexus = training.wishes["is_flexus"] or training.wishes["is_fast_flexus"]
        least = _LEAST_FLEXUS_SECONDS if flexus else _LEAST_SECONDS
        if not least <= shown.seconds <= _MOST_SECONDS:
            minutes = f"{least / 60:.0f} to {_MOST_SECONDS / 60:.0f} minutes"
            raise Refusal(f"The training video must take {minutes}; it takes {shown.seconds:.0f} seconds.")
        if not self._parts.settings.na_tenant:
            for kind in PAPERS:
                if self._store.file(training, kind) is None:
                    raise Refusal(f"Missing: {_PAPER_NAMES[kind]}.")
        large = max(shown.width, shown.height) > 1920
        self._parts.trainings.change(training.id, resolution="4K" if large else "1080P")

    def by_hand(self, training: Training) -> None:
        """Look at the ID card.

        Raises:
            Refusal: it can not be opened, or it was ordered so.
        """
        if (order := self._order(training, "manual")) is not None:
            raise Refusal(order.text("reason", "The face is covered in a part of the video."), _code(order))
        if self._parts.settings.na_tenant:
            return
        for kind in (FileKind.ID_CARD_1, FileKind.ID_CARD_2):
            path = self._store.file(training, kind)
            try:
                trainer.check_photo(b"" if path is None else path.read_bytes())
            except trainer.NotAPhoto as error:
                raise Refusal(f"{_PAPER_NAMES[kind].capitalize()} can not be opened.") from error

    def _order(self, training: Training, stage: str) -> Fault | None:
        return ordered(
            self._parts,
            FaultKind.REVIEW_REFUSED,
            training,
            lambda order: order.text("stage", "auto") == stage,
        )


def ordered(
    parts: Parts,
    kind: FaultKind,
    training: Training,
    befits: Callable[[Fault], bool] = lambda _: True,
) -> Fault | None:
    """The order, if there is one, that this is to happen to this training now; it is used up."""

    def concerns(order: Fault) -> bool:
        return order.details.get("job") in {None, training.id} and befits(order)

    return parts.faults.take({kind}, _ORDERED_BY, concerns)


def _code(order: Fault) -> str | None:
    code = order.details.get("code")
    return None if code is None else str(code)

"""What can be turned at the MetaStudio stand-in while it runs."""

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat
from pydantic.dataclasses import dataclass

from bot.sandbox.vendors._metastudio_states import State
from bot.sandbox.vendors._settings import STRICT

DAY = 24 * 3600.0


@dataclass(frozen=True, config=STRICT)
class Settings:
    """Jobs under way feel a change at once. The vendor's review takes about a day, its training three."""

    auto_review_seconds: NonNegativeFloat = 2.0
    manual_review_seconds: NonNegativeFloat = 6.0
    train_seconds: NonNegativeFloat = 20.0
    compile_seconds: NonNegativeFloat = 3.0
    step_seconds: NonNegativeFloat = 0.5
    """What every other state on the way takes."""
    queue_seconds: NonNegativeFloat = 1.0
    """How long clips, pictures and photo checks wait, in which time they can be cancelled."""
    render_seconds: NonNegativeFloat = 4.0
    link_seconds: PositiveFloat = DAY
    token_seconds: PositiveFloat = DAY
    long_way: bool = False
    """Pass every state that the vendor has a word for, not only those that are known to be passed."""
    na_tenant: bool = False
    """A white-listed key account: no ID card, five more commands, JOB_FINISH at the end."""
    asks_user: bool = True
    """Such a tenant is asked to accept the result (WAIT_USER_CONFIRM) before the end."""
    update_while_waiting: bool = False
    """An update is also taken in WAIT_FILE_UPLOAD, as one of the vendor's two pages has it."""
    update_keeps_state: bool = False
    """A refused job that is updated stays in its state until it is submitted again."""
    every_upload_url: bool = False
    """A creation also answers the upload URLs that the vendor's own example leaves out."""
    sparse: bool = False
    """Answers carry the fields that must be there, the asset's id and nothing else."""
    makes_cover: bool = True
    """A training to which no cover was uploaded gets one from its video."""
    trainings_left: NonNegativeInt | None = None
    """How many trainings the account has bought; None does not count them."""
    throttled: bool = True
    """The rates that the vendor documents are enforced."""
    training_calls_per_second: NonNegativeInt = 0
    """The training group's rate is not documented; 0 is none."""
    least_part_bytes: NonNegativeInt = 100 * 1024
    """A part smaller than this, unless it is the last, spoils the upload."""
    fetch_attempts: NonNegativeInt = 3
    fetch_pause_seconds: NonNegativeFloat = 1.0
    denied: tuple[str, ...] = ()
    """Actions the account may not call; `*` is all of them."""

    def seconds_in(self, state: str) -> float:
        """How long a training stays in a state of its way."""
        match state:
            case State.AUTO_VERIFYING:
                return self.auto_review_seconds
            case State.MANUAL_VERIFYING:
                return self.manual_review_seconds
            case State.TRAINING:
                return self.train_seconds
            case State.COMPILING:
                return self.compile_seconds
            case _:
                return self.step_seconds

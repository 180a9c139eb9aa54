"""What Darkroom can do, without Slack, HTTP or SQL: the surface is handed these."""

from __future__ import annotations

from dataclasses import dataclass

from bot.services.callbacks import Callbacks
from bot.services.deletions import Deletions
from bot.services.doctor import Doctor
from bot.services.envelopes import Envelopes
from bot.services.generation import Generation
from bot.services.holdups import Holdups
from bot.services.inbox import Intake
from bot.services.invitations import Invitations
from bot.services.jobs import Jobs
from bot.services.links import Links
from bot.services.media import Media
from bot.services.models import Models
from bot.services.operators import Operators
from bot.services.papers import Papers
from bot.services.photos import Photos
from bot.services.progress import Progress
from bot.services.proving import Prover
from bot.services.sheets import Sheets
from bot.services.sorting import Sorter
from bot.services.training import Training
from bot.services.trays import Trays
from bot.services.vendors import Vendors
from bot.services.videos import Videos


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a listener may call."""

    intake: Intake
    photos: Photos
    videos: Videos
    papers: Papers
    sorter: Sorter
    trays: Trays
    envelopes: Envelopes
    invitations: Invitations
    sheets: Sheets
    training: Training
    holdups: Holdups
    generation: Generation
    models: Models
    jobs: Jobs
    progress: Progress
    vendors: Vendors
    links: Links
    callbacks: Callbacks
    media: Media
    operators: Operators
    doctor: Doctor
    deletions: Deletions
    prover: Prover


__all__ = ["Services"]

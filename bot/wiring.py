"""How the parts are put together: what all stand on, the services, and the workers that the clock drives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx

from bot.imaging.archive import Allowance
from bot.imaging.lab import Lab
from bot.outside.address import BucketAddress
from bot.outside.address import read as address
from bot.outside.bucket import S3Bucket
from bot.outside.reach import PublicReach
from bot.providers import Provider
from bot.scheduler import Tick
from bot.services import Services
from bot.services.archives import Archives
from bot.services.callbacks import Callbacks
from bot.services.copies import Bucket, Copies
from bot.services.deleting import Deleter
from bot.services.deletions import Deletions
from bot.services.doctor import Doctor
from bot.services.envelopes import Envelopes
from bot.services.generation import Generation
from bot.services.holdups import Holdups
from bot.services.inbox import InboxRunner, Intake, Receiver
from bot.services.invitations import Invitations
from bot.services.jobs import Jobs
from bot.services.keeping import Eraser
from bot.services.links import Links, Reach
from bot.services.media import Media
from bot.services.models import Models
from bot.services.notifier import Clock, Notifier
from bot.services.operators import Operators
from bot.services.outbox import OutboxRunner
from bot.services.papers import Papers
from bot.services.photos import Photos, Retention
from bot.services.polling import Poller
from bot.services.progress import Progress
from bot.services.proving import Prover
from bot.services.runner import JobRunner
from bot.services.sheets import Sheets
from bot.services.sorting import Sorter
from bot.services.specs import Specs
from bot.services.submitting import Submitter
from bot.services.tidying import Tidier
from bot.services.timing import Timing
from bot.services.training import Training
from bot.services.trays import Trays
from bot.services.vendors import Vendors
from bot.services.videos import Videos
from bot.settings import Settings, callback_key
from storage import Store


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings lay down for the services."""

    retention: Retention
    photo_bytes: int
    video_bytes: int
    zip_bytes: int
    public_url: str
    callback_key: str

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Those of an operator; the key to callbacks is made where none is set."""
        return cls(
            retention=Retention(settings.photo_life, settings.photo_life),
            photo_bytes=settings.photo_bytes,
            video_bytes=settings.video_bytes,
            zip_bytes=settings.zip_bytes,
            public_url=settings.darkroom_public_url,
            callback_key=callback_key(settings.darkroom_data_dir, settings.darkroom_callback_secret),
        )


@dataclass(frozen=True, slots=True)
class Outside:
    """What lies beyond this machine, beside Slack and the vendors."""

    reach: Reach
    bucket: Bucket | None
    """Of the settings, where copies are put; None: vendors fetch from us."""
    earlier: Callable[[str], Bucket]
    """One that an earlier setting named, by its address."""


def outside(settings: Settings, http: httpx.AsyncClient) -> Outside:
    """The way to ourselves by our public address, and the buckets that the keys of the settings open."""

    def bucket(where: BucketAddress) -> S3Bucket:
        keys = settings.darkroom_photo_links_key_id, settings.darkroom_photo_links_key_secret
        key_id, secret, token = (
            "" if one is None else one.get_secret_value()
            for one in (*keys, settings.darkroom_photo_links_token)
        )
        return S3Bucket(where, http, key_id=key_id, key_secret=secret, token=token)

    here = None if settings.bucket is None else bucket(settings.bucket)
    return Outside(PublicReach(http), here, lambda where: bucket(address(where)))


@dataclass(frozen=True, slots=True)
class Base:
    """What services and workers alike stand on."""

    rules: Rules
    store: Store
    vendors: Vendors
    operators: Operators
    copies: Copies
    links: Links
    lab: Lab
    clock: Clock
    pace: Timing


def lay_base(
    rules: Rules,
    pace: Timing,
    store: Store,
    providers: Sequence[Provider[Any]],
    operators: Sequence[str],
    beyond: Outside,
    lab: Lab,
    clock: Clock,
) -> Base:
    """Vendors with those who are told of their troubles, and the means by which they fetch."""
    told = Operators(store, operators)
    copies = Copies(store, beyond.bucket, beyond.earlier, told, pace)
    return Base(
        rules=rules,
        store=store,
        vendors=Vendors(store, providers, told),
        operators=told,
        copies=copies,
        links=Links(store, rules.public_url, pace.link_life, beyond.reach, copies),
        lab=lab,
        clock=clock,
        pace=pace,
    )


def all_services(base: Base, doctor: Doctor) -> Services:
    """Everything a listener may call."""
    rules, store, vendors, clock, lab = base.rules, base.store, base.vendors, base.clock, base.lab
    photos = Photos(store, rules.retention, lab)
    videos, papers = Videos(store, rules.video_bytes, lab), Papers(store, lab)
    archives = Archives(store, photos, rules.zip_bytes, Allowance(member_bytes=rules.photo_bytes))
    training = Training(store, vendors, clock)
    return Services(
        intake=Intake(store, clock),
        photos=photos,
        videos=videos,
        papers=papers,
        sorter=Sorter(photos, videos, papers, archives, rules.photo_bytes),
        trays=Trays(store, vendors, clock),
        envelopes=Envelopes(store, vendors, clock),
        invitations=Invitations(store, clock),
        sheets=Sheets(store, lab, clock),
        training=training,
        holdups=Holdups(store, vendors, training, clock),
        generation=Generation(store, vendors, clock),
        models=Models(store, vendors),
        jobs=Jobs(store, vendors, clock),
        progress=Progress(store, vendors, base.pace),
        vendors=vendors,
        links=base.links,
        callbacks=Callbacks(store, vendors, clock, secret=rules.callback_key, public_url=rules.public_url),
        media=Media(store),
        operators=base.operators,
        doctor=doctor,
        deletions=Deletions(store, vendors, base.operators, clock),
        prover=Prover(store, photos, rules.retention, base.operators),
    )


@dataclass(frozen=True, slots=True)
class Workers:
    """Those who work off what the tables say is due."""

    runner: JobRunner
    inbox: InboxRunner
    outbox: OutboxRunner
    deleter: Deleter
    tidier: Tidier
    eraser: Eraser
    ticks: list[Tick]

    def stops(self) -> list[Callable[[float], Awaitable[None]]]:
        """How each that may have a call under way is stopped, first to last; it is given so many seconds."""
        return [self.deleter.stop, self.runner.stop, self.inbox.stop, self.outbox.stop]


def all_workers(base: Base, prover: Prover, receiver: Receiver, notifier: Notifier) -> Workers:
    """The workers, and how often the clock asks each."""
    store, vendors, operators, pace, clock = base.store, base.vendors, base.operators, base.pace, base.clock
    submitter = Submitter(store, vendors, Specs(store, base.links, base.lab, pace), operators, pace, clock)
    runner = JobRunner(store, vendors, submitter, Poller(store, vendors, operators, pace, clock), pace)
    inbox = InboxRunner(store, receiver, operators, pace, clock)
    outbox = OutboxRunner(store, notifier, pace, clock)
    deleter = Deleter(store, vendors, operators, notifier, pace, clock)
    tidier, eraser = Tidier(store, vendors, pace), Eraser(store)

    async def sweep() -> None:
        await prover.sweep_due()
        await base.copies.sweep()

    ticks = [
        Tick("submit", 0.5 * pace.beat, runner.submit_due),
        Tick("poll", 1.0 * pace.beat, runner.poll_due),
        Tick("inbox", 0.5 * pace.beat, inbox.work_off_due),
        Tick("outbox", 0.5 * pace.beat, outbox.say_due),
        Tick("tidy", 5.0 * pace.beat, tidier.tidy_due),
        Tick("erase", 10.0 * pace.beat, eraser.erase_due),
        Tick("delete", 2.0 * pace.beat, deleter.delete_due),
        Tick("copies", 5.0 * pace.beat, base.copies.erase_due),
        Tick("vendors", pace.checks.total_seconds(), vendors.check),
        Tick("sweep", 600.0, sweep),
    ]
    return Workers(runner, inbox, outbox, deleter, tidier, eraser, ticks)

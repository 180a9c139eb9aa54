"""How long things may take before we do something about them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Timing:
    """Every patience of the job machine in one place, with its default."""

    call: timedelta = timedelta(seconds=130)
    """The longest that a call may live, waiting for its turn included; uploads have a time of their own."""
    settle: timedelta = timedelta(seconds=60)
    """After a lost answer: how long until we look, longer than any call can go on at the vendor."""
    looks: tuple[timedelta, ...] = (timedelta(seconds=60), timedelta(seconds=300))
    """Waits before the second and third look: a vendor's list may lag."""
    lease: timedelta = timedelta(seconds=60)
    """Of an outbox row and an inbox item, as a measure: each holds for a few of these."""
    poll_lease: timedelta = timedelta(seconds=260)
    """Of a poll: outlasts the two calls it may take, or a slow vendor's answer would always come too late."""
    poll_ahead: timedelta = timedelta(seconds=60)
    """How long a row may wait for its poll after it was claimed; its lease is longer by that."""
    fetch_lease: timedelta = timedelta(seconds=120)
    """Of a download, renewed per image."""
    grace: timedelta = timedelta(seconds=90)
    """How long a tentative failure may be taken back."""
    backoff_first: timedelta = timedelta(seconds=5)
    backoff_most: timedelta = timedelta(seconds=300)
    submit_attempts: int = 20
    """Submissions that a vendor out of reach, or one that broke off half-way, is given at least."""
    out_of_reach: timedelta = timedelta(days=1)
    """How long a vendor may be out of reach before what waits for it has failed. One that is busy may be so
    for as long as its jobs' owners let them wait."""
    busy_tells: timedelta = timedelta(hours=1)
    """Of a vendor that says it is busy: after so long operators hear of it, since a quota may be spent."""
    unknown_attempts: int = 3
    """Submissions whose answers were lost; after these a human looks."""
    card_quiet: timedelta = timedelta(seconds=60)
    """Progress alone edits a card no oftener than this."""
    message_gap: timedelta = timedelta(milliseconds=1100)
    """Between two messages in one channel: Slack allows one a second."""
    edit_gap: timedelta = timedelta(milliseconds=1250)
    """Between two edits in one workspace: Slack allows 50 a minute, all jobs together."""
    fetch_again: timedelta = timedelta(seconds=10)
    """Before the images that could not be fetched are tried again."""
    share_looks: tuple[timedelta, ...] = tuple(
        timedelta(seconds=wait) for wait in (0.3, 0.5, 1, 1, 2, 2, 3, 5, 5, 10)
    )
    """Waits between two looks for an upload's message: Slack shares a file later than it answers."""
    share_lost: timedelta = timedelta(seconds=45)
    """After so long without a share the files are uploaded anew."""
    link_life: timedelta = timedelta(hours=6)
    link_need: timedelta = timedelta(minutes=30)
    """Beyond a job's deadline a link is of no use; this much on top, for waits before its start."""
    ready: timedelta = timedelta(minutes=10)
    """The longest that making a job's inputs ready may take: fitting, copying into a bucket, the trial."""
    erase_tries: int = 200
    """Refusals to erase a copy in a bucket, over some eight days; then a human looks."""
    reminders: tuple[timedelta, ...] = (timedelta(hours=24), timedelta(hours=72))
    """After a vendor has asked for better inputs: when its owner is reminded."""
    answer_within: timedelta = timedelta(days=14)
    """After so long without better inputs the job is closed."""
    tidy_lease: timedelta = timedelta(seconds=120)
    """Of an ended job while its vendor lets go of what it needed."""
    tidy_tries: int = 8
    """Refusals of that, over some ten minutes; then the vendor's own retention decides."""
    delete_lease: timedelta = timedelta(seconds=300)
    """Of a deletion, renewed per copy."""
    delete_wait: timedelta = timedelta(seconds=2)
    """While its jobs are being stopped; longer from time to time."""
    delete_stop: timedelta = timedelta(hours=1)
    """After so long a job whose answer was lost is not waited for any more."""
    delete_most: timedelta = timedelta(hours=1)
    """The longest wait between two attempts at a copy that its holder does not let go of."""
    delete_within: timedelta = timedelta(days=7)
    """After so long without success the receipt says so, and a person must see to it."""
    beat: float = 1.0
    """How often the tables are asked what is due, as a share of the usual interval."""
    checks: timedelta = timedelta(seconds=60)
    """Between two looks at every vendor."""
    logs: timedelta = timedelta(seconds=5)
    """What a person waits for the vendor's own log of a job."""

    def settling(self, settle: timedelta) -> Timing:
        """The same with another settle: the later looks move with it, as they wait for the same thing."""
        share = settle / Timing().settle
        return replace(self, settle=settle, looks=tuple(look * share for look in self.looks))

    def patience(self, tries: int) -> timedelta:
        """The wait after the n-th refusal to delete something (n from 1): doubles, up to `delete_most`."""
        return min(self.delete_most, self.backoff_first * float(2 ** min(max(tries, 1) - 1, 16)))

    def erase_wait(self, tries: int) -> timedelta:
        """The wait after the n-th refusal to erase a copy: doubles, up to an hour."""
        return min(timedelta(hours=1), self.backoff_first * float(2 ** min(tries - 1, 16)))

    def backoff(self, attempt: int) -> timedelta:
        """The wait after the n-th refusal (n from 1): doubles, up to `backoff_most`."""
        return min(self.backoff_most, self.backoff_first * float(2 ** min(max(attempt, 1) - 1, 16)))

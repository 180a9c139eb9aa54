"""Who moves MetaStudio's jobs on. The rows say when each is due, so after a kill the work is taken up."""

from bot.sandbox.vendors._metastudio_parts import Parts
from bot.sandbox.vendors._metastudio_renders import Renders
from bot.sandbox.vendors._metastudio_states import ROUTE, Stage
from bot.sandbox.vendors._metastudio_walk import Walk


class Foreman:
    """One task for all jobs: it wakes when the first is due, or when something changed."""

    def __init__(self, parts: Parts, walk: Walk, renders: Renders) -> None:
        self._parts = parts
        self._walk = walk
        self._renders = renders

    async def run(self) -> None:
        """Move on whatever is due, for ever."""
        while True:
            await self._move_on(self._parts.clock())
            due = [at for at in (self._parts.trainings.next_due(), self._parts.errands.next_due()) if at]
            if not due:
                await self._parts.pulse.rest(None)
            elif (left := min(due) - self._parts.clock()) > 0:
                await self._parts.pulse.rest(left)

    def recount(self) -> None:
        """The times were changed: jobs under way feel it at once."""
        settings = self._parts.settings
        for training in self._parts.trainings.all():
            if training.due_at is not None and training.state in ROUTE:
                due_at = training.since + settings.seconds_in(training.state)
                self._parts.trainings.change(training.id, due_at=due_at)
        for job in self._parts.errands.all():
            if job.due_at is not None and job.state == Stage.WAITING:
                self._parts.errands.change(job.id, due_at=job.created_at + settings.queue_seconds)
            elif job.due_at is not None and job.started_at is not None:
                self._parts.errands.change(job.id, due_at=job.started_at + settings.render_seconds)

    async def _move_on(self, now: float) -> None:
        for training in self._parts.trainings.due(now):
            # Others were moved before it, and meanwhile somebody may have deleted this one.
            fresh = self._parts.trainings.get(training.id)
            if fresh is not None and fresh.due_at is not None and fresh.due_at <= now:
                await self._walk.advance(fresh)
        for job in self._parts.errands.due(now):
            found = self._parts.errands.get(job.id)
            if found is not None and found.due_at is not None and found.due_at <= now:
                await self._renders.advance(found)

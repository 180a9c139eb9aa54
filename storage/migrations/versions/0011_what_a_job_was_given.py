"""What a job was given, in its request: by it a vendor of several products tells which one the job began with.

Requests say so since it is asked for when a job is tried again; older ones are told here from their inputs.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

job = sa.table(
    "job", sa.column("id", sa.Text), sa.column("kind", sa.Text), sa.column("spec", sa.JSON(none_as_null=True))
)
job_input = sa.table("job_input", sa.column("job_id", sa.Text), sa.column("role", sa.Text))


def upgrade() -> None:
    conn = op.get_bind()
    roles: dict[str, set[str]] = {}
    for job_id, role in conn.execute(sa.select(job_input.c.job_id, job_input.c.role)):
        roles.setdefault(job_id, set()).add(role)
    starts = sa.select(job.c.id, job.c.spec).where(job.c.kind.in_(["training", "oneshot"]))
    for job_id, spec in conn.execute(starts).all():
        if job_id in roles and "gave" not in spec:
            given = spec | {"gave": sorted(roles[job_id])}
            conn.execute(sa.update(job).where(job.c.id == job_id).values(spec=given))

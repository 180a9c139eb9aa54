"""Since when a vendor is busy and takes a job later, and how often it has said so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("busy_at", sa.BigInteger(), nullable=True))
    op.add_column("job", sa.Column("busies", sa.Integer(), server_default=sa.text("0"), nullable=False))

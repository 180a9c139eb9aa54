"""Results that a vendor's own check does not hand out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("held_back", sa.Integer(), server_default=sa.text("0"), nullable=False))

"""What a form asked for whose photos its owner is to look at first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tray", sa.Column("wish", sa.JSON(none_as_null=True), nullable=True))

"""What cameras usually show."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "views",
        sa.Column("camera", sa.String(40), primary_key=True),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("detector", sa.String(64), nullable=False),
        sa.Column("picture", sa.LargeBinary(), nullable=False),
        sa.Column("level_factor", sa.Double(), nullable=False),
        sa.Column("level_usual", sa.Double()),
        sa.Column("seen_at", sa.Double(), nullable=False),
    )

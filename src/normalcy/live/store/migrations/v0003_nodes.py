"""Several nodes on one database: who they are, who watches which camera, who sends which message."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the tables, columns and the index."""
    op.create_table(
        "nodes",
        sa.Column("name", sa.String(60), primary_key=True),
        sa.Column("token", sa.String(32), nullable=False, unique=True),
        sa.Column("folder", sa.String(32), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("heard_at", sa.Double(), nullable=False),
        sa.Column("address", sa.String(200), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("capacity", sa.Integer()),
        sa.Column("status", sa.JSON(), nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("camera", sa.String(40), primary_key=True),
        sa.Column("node", sa.String(60), nullable=False),
        sa.Column("token", sa.String(32)),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.Double()),
    )
    op.add_column("events", sa.Column("node", sa.String(60), nullable=False, server_default=sa.text("''")))
    op.add_column("outbox", sa.Column("claimed_by", sa.String(32)))
    op.create_index("outbox_by_kind", "outbox", ["camera", "kind"])

"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes them."""
    _events()
    _verdicts()
    _outbox()
    _totals()
    _timelines()
    _users()


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("camera", sa.String(40), nullable=False),
        sa.Column("region", sa.String(60), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("alarmed_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=False),
        sa.Column("peak_at", sa.Double(), nullable=False),
        sa.Column("peak_score", sa.Double(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("rate_per_day", sa.Double()),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("box", sa.JSON()),
        sa.Column("bundle", sa.String(200), nullable=False),
        sa.Column("detector", sa.String(64), nullable=False),
        sa.Column("interrupted", sa.Boolean(), nullable=False),
        sa.Column("media", sa.String(200), nullable=False),
        sa.Column("media_bytes", sa.Integer(), nullable=False),
        sa.Column("clip_offset_seconds", sa.Double()),
        sa.Column("verdict", sa.String(20)),
        sa.Column("verdict_by", sa.String(60)),
        sa.Column("verdict_at", sa.Double()),
    )
    op.create_index("events_by_time", "events", ["started_at"])
    op.create_index("events_by_camera", "events", ["camera", "started_at"])
    op.create_index("events_by_state", "events", ["state"])


def _verdicts() -> None:
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("event_id", sa.String(32), sa.ForeignKey("events.id", ondelete="CASCADE"), nullable=False),
        sa.Column("verdict", sa.String(20)),
        sa.Column("by", sa.String(60), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
    )
    op.create_index("ix_verdicts_event_id", "verdicts", ["event_id"])


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key", sa.String(120), nullable=False, unique=True),
        sa.Column("event_id", sa.String(32)),
        sa.Column("incident", sa.String(80), nullable=False),
        sa.Column("camera", sa.String(40), nullable=False),
        sa.Column("receiver", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.Double()),
        sa.Column("error", sa.Text(), nullable=False),
    )
    op.create_index("outbox_by_receiver", "outbox", ["state", "receiver", "severity", "due_at"])
    op.create_index("outbox_by_incident", "outbox", ["receiver", "incident"])
    op.create_index("outbox_by_camera", "outbox", ["camera", "created_at"])


def _totals() -> None:
    op.create_table(
        "receivers",
        sa.Column("receiver", sa.String(80), primary_key=True),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("dead", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("failed_attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("last_error_at", sa.Double()),
        sa.Column("last_sent_at", sa.Double()),
    )
    op.create_table(
        "totals",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
    )


def _timelines() -> None:
    op.create_table(
        "scores",
        sa.Column("camera", sa.String(40), primary_key=True),
        sa.Column("region", sa.String(60), primary_key=True),
        sa.Column("minute", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("threshold", sa.Double()),
        sa.Column("scores", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "camera_states",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("camera", sa.String(40), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
    )
    op.create_index("camera_states_by_camera", "camera_states", ["camera", "at"])


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.String(60), primary_key=True),
        sa.Column("password_hash", sa.String(200), nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("token_digest", sa.String(64), primary_key=True),
        sa.Column("user", sa.String(60), sa.ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
        sa.Column("csrf", sa.String(64), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
    )
    op.create_table(
        "tokens",
        sa.Column("name", sa.String(60), primary_key=True),
        sa.Column("token_digest", sa.String(64), nullable=False, unique=True),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
    )

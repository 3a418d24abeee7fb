"""The tables, as SQLAlchemy Core; the migrations in `engine/migrations` create them.

Instants are UTC. They are stored as integers of microseconds since the epoch: the same eight bytes
order, compare and hash alike on SQLite and PostgreSQL, and no driver gives a naive datetime back.
Local dates are ISO strings (`2013-03-31`).

The order of the columns of `cases` is deliberate: `version` and `state` side by side and the JSON
last, because PostgreSQL's log records everything between two changed columns. `state` has no
index, so that a step stays a heap-only update.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only gives rowid aliases to INTEGER, and PostgreSQL needs the eight bytes.
Id = BigInteger().with_variant(Integer(), "sqlite")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(instant: datetime) -> int:
    """Return an aware instant as microseconds since the epoch; refuse a naive one (ValueError)."""
    if instant.tzinfo is None:
        msg = "an instant needs a time zone"
        raise ValueError(msg)
    return (instant - _EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    """Return the UTC instant of microseconds since the epoch."""
    return _EPOCH + timedelta(microseconds=micros)


def instant(micros: int | None) -> datetime | None:
    """Return the UTC instant of microseconds since the epoch, or None of none."""
    return None if micros is None else from_micros(micros)


definitions = Table(
    "definitions",
    metadata,
    Column("key", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("installed_at", BigInteger, nullable=False),
    Column("installed_by", String, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("origin", String, nullable=False, comment="where the source was read"),
    Column("source", Text, nullable=False, comment="the YAML, byte for byte"),
    Column("summary", Text, nullable=False, comment="JSON of labels, so that a list compiles none"),
)

sequences = Table(
    "sequences",
    metadata,
    Column("prefix", String, primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
)

cases = Table(
    "cases",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number", String, nullable=False, unique=True),
    Column("process", String, nullable=False),
    Column("definition_version", Integer, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("parent_id", Id, ForeignKey("cases.id")),
    Column("title", String, nullable=False),
    Column("search", Text, nullable=False, comment="title and searchable fields, folded"),
    Column("owner", String, comment="login of the person responsible, if any"),
    Column("desk", String, comment="whose task it is: a login, or @role; null when ended"),
    Column("version", Integer, nullable=False, comment="1 + number of steps; optimistic lock"),
    Column("state", String, nullable=False),
    Column("entered_at", BigInteger, nullable=False, comment="when it came into this state"),
    Column("due_at", BigInteger, comment="the end of the due day of the current task"),
    Column("ended_at", BigInteger),
    Column("waiting_since", BigInteger, comment="set while the clock of ageing is paused"),
    Column("waited_days", Integer, nullable=False, server_default="0", comment="business days"),
    Column("redirect_id", Id, ForeignKey("cases.id"), comment="the case this one was merged into"),
    Column("head", String(64), nullable=False, comment="hash of the last history event"),
    Column("data", Text, nullable=False, comment="JSON of the form"),
    Index(
        "ix_cases_desk_due_at",
        "desk",
        "due_at",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index(
        "ix_cases_parent_id",
        "parent_id",
        sqlite_where=text("parent_id IS NOT NULL"),
        postgresql_where=text("parent_id IS NOT NULL"),
    ),
)

history = Table(
    "history",
    metadata,
    Column("case_id", Id, ForeignKey("cases.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, comment="equals the case's version after the event"),
    Column("at", BigInteger, nullable=False),
    Column("actor", String, nullable=False, comment="login, or system"),
    Column("via", String, comment="who really typed it, when acting as somebody else"),
    Column("action", String, nullable=False),
    Column("from_state", String),
    Column("to_state", String, nullable=False),
    Column("idempotency_key", String),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("body", Text, nullable=False, comment="canonical JSON: changes, note, files, effects"),
    Index(
        "uq_history_case_id_idempotency_key",
        "case_id",
        "idempotency_key",
        unique=True,
        sqlite_where=text("idempotency_key IS NOT NULL"),
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
)

openings = Table(
    "openings",
    metadata,
    Column("idempotency_key", String, primary_key=True),
    Column("case_id", Id, ForeignKey("cases.id"), nullable=False),
    comment="idempotency of opening, when there is no case yet to hold the key",
)

timers = Table(
    "timers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("case_id", Id, ForeignKey("cases.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("fire_at", BigInteger, nullable=False),
    Column("status", String, nullable=False, comment="pending, fired, cancelled, superseded"),
    Column("occurrence", Integer, nullable=False, server_default="1", comment="of a repeating one"),
    Column("settled_at", BigInteger, comment="when it stopped being pending"),
    Column("held_from", BigInteger, comment="when it was due, of a late notice held until fire_at"),
    CheckConstraint(
        "status IN ('pending', 'fired', 'cancelled', 'superseded')", name="status_is_known"
    ),
    Index(
        "uq_timers_case_id_name_pending",
        "case_id",
        "name",
        unique=True,
        sqlite_where=text("status = 'pending'"),
        postgresql_where=text("status = 'pending'"),
    ),
    Index(
        "ix_timers_fire_at_pending",
        "fire_at",
        sqlite_where=text("status = 'pending'"),
        postgresql_where=text("status = 'pending'"),
    ),
)

blobs = Table(
    "blobs",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

attachments = Table(
    "attachments",
    metadata,
    Column("id", Id, primary_key=True),
    Column("case_id", Id, ForeignKey("cases.id"), nullable=False, index=True),
    Column("seq", Integer, nullable=False, comment="the history event that attached it"),
    Column("name", String, nullable=False),
    Column("media_type", String, nullable=False),
    Column("sha256", String(64), ForeignKey("blobs.sha256"), nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True),
    Column("case_id", Id, ForeignKey("cases.id"), index=True),
    Column("seq", Integer, comment="the history event that queued it"),
    Column("name", String, nullable=False, comment="the notification's name in the definition"),
    Column("template", String, nullable=False),
    Column("newcomer_template", String, comment="of a batch that goes to newcomers too: theirs"),
    Column("queued_at", BigInteger, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("batch", Integer, nullable=False, comment="1: a diffusion; the case waits for it"),
    Column("rule", String, comment="of a batch: all_or_nothing or proceed_and_remedy"),
    Column("ruling", Text, comment="JSON: a person's departure from the rule: rule, by, why, at"),
    Column("personal", Integer, nullable=False, comment="1: each recipient has words of its own"),
    Column("about", Id, comment="the earlier batch whose recipients these are"),
    Column("roster_version", Integer, comment="of the roster in the audience, at queueing"),
    Column("facts", Text, nullable=False, comment="JSON: all that the template may see"),
    Column("lease_holder", String),
    Column("lease_until", BigInteger),
    Column("lease_token", Integer, nullable=False, server_default="0", comment="fencing token"),
)

renderings = Table(
    "renderings",
    metadata,
    Column("outbox_id", Id, ForeignKey("outbox.id"), primary_key=True),
    Column(
        "variant",
        String,
        primary_key=True,
        comment="fr or fr+en; fr/new: the newcomers'; fr@7: of delivery 7 alone",
    ),
    Column("rendered_at", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False, comment="of the canonical JSON of content"),
    Column("content", Text, nullable=False, comment="JSON: subject, text, html, calendar; frozen"),
)

DELIVERY_STATES = (
    "queued",
    "releasing",
    "accepted",
    "deferred",
    "refused",
    "uncertain",
    "refused_rcpt",
    "deferred_rcpt",
    "staging_failed",
    "aborted",
    "cancelled",
    "lost_before_dot",
    "confirmed",
    "resend_authorised",
    "bounced",
    "delayed",
)

runs = Table(
    "runs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("outbox_id", Id, ForeignKey("outbox.id"), nullable=False),
    Column("number", Integer, nullable=False, comment="1, 2… of its message"),
    Column("rule", String, nullable=False, comment="that decided: the message's, or a person's"),
    Column("server", Text, nullable=False, comment="JSON: what the mail server said it can do"),
    Column("shape", String, nullable=False, comment="one, groups, each or waves"),
    Column("began_at", BigInteger, nullable=False),
    Column("staged_at", BigInteger, comment="everybody's acceptance or refusal was known"),
    Column("decided_at", BigInteger),
    Column("decision", String, comment="released, aborted or put_off; null: it was interrupted"),
    Column("reason", Text, comment="JSON: what decided"),
    Column("first_dot_at", BigInteger),
    Column("last_reply_at", BigInteger),
    Column("window", BigInteger, comment="first dot to last reply, in microseconds, monotonic"),
    UniqueConstraint("outbox_id", "number"),
)

transmissions = Table(
    "transmissions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", Id, ForeignKey("runs.id"), nullable=False, index=True),
    Column("wave", Integer, nullable=False),
    Column("position", Integer, nullable=False, comment="order of the dots"),
    Column("method", String, nullable=False, comment="DATA or BDAT"),
    Column("message_id", String, nullable=False),
    Column("sha256", String(64), nullable=False, comment="of the bytes, with CRLF"),
    Column("size", Integer, nullable=False, comment="of the bytes, with CRLF"),
    Column("recipients", Integer, nullable=False, comment="how many the server took"),
    Column("staged_at", BigInteger, nullable=False),
    Column("dot_at", BigInteger),
    Column("replied_at", BigInteger),
    Column("state", String, nullable=False),
    Column("reply", Text),
)

certificates = Table(
    "certificates",
    metadata,
    Column("id", Id, primary_key=True),
    Column("outbox_id", Id, ForeignKey("outbox.id"), nullable=False),
    Column("issue", Integer, nullable=False, comment="1, 2…: the last one holds"),
    Column("made_at", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False, comment="of the document"),
    Column("document", Text, nullable=False, comment="JSON, signed"),
    UniqueConstraint("outbox_id", "issue"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("outbox_id", Id, ForeignKey("outbox.id"), nullable=False),
    Column("recipient", String, nullable=False, comment="staff:…, member:… or an address"),
    Column("name", String, nullable=False),
    Column("addresses", Text, nullable=False, comment="JSON list; several contacts, one recipient"),
    Column("languages", String, nullable=False),
    Column("newcomer", Integer, nullable=False, comment="1: has not had what the batch is about"),
    Column(
        "message_id", String, nullable=False, comment="RFC 5322, fixed at queueing; a batch's own"
    ),
    Column("salt", String(32), nullable=False, comment="hides this line of a certificate"),
    Column("position", Integer, nullable=False, comment="order inside the batch, drawn at random"),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", BigInteger, comment="null once settled"),
    Column("staged_at", BigInteger),
    Column("released_at", BigInteger),
    Column("settled_at", BigInteger),
    Column("reply", Text, comment="the server's last reply, or what happened instead"),
    Column("resolution", Text, comment="JSON: who, when, why, for a person's decision"),
    Column("transmission_id", Id, ForeignKey("transmissions.id"), comment="the last one it was in"),
    Column("copy_id", Id, comment="of a personal message: the earlier copy that it tells of"),
    Column("copy_sending", Id, comment="the transmission that copy was in then"),
    UniqueConstraint("outbox_id", "recipient"),
    CheckConstraint(
        "state IN ({})".format(", ".join(f"'{s}'" for s in DELIVERY_STATES)), name="state_is_known"
    ),
    Index(
        "ix_deliveries_next_attempt_at",
        "next_attempt_at",
        sqlite_where=text("next_attempt_at IS NOT NULL"),
        postgresql_where=text("next_attempt_at IS NOT NULL"),
    ),
)

returns = Table(
    "returns",
    metadata,
    Column("id", Id, primary_key=True),
    Column("delivery_id", Id, ForeignKey("deliveries.id"), nullable=False, index=True),
    Column("report", String, nullable=False, comment="its Message-ID, or a hash where it has none"),
    Column("address", String, nullable=False, comment="ours, that the report is about"),
    Column("action", String, nullable=False, comment="RFC 3464, 2.3.3: failed, delayed…"),
    Column("status", String, nullable=False, comment="RFC 3463, such as 5.1.1; may be empty"),
    Column("diagnostic", Text, nullable=False, comment="what the other server said"),
    Column("reporter", String, nullable=False, comment="the server that reports"),
    Column("reported_at", BigInteger, comment="the report's own date"),
    Column("recorded_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger, comment="released_at of the sending that it is about"),
    UniqueConstraint("delivery_id", "report", "address"),
    comment="what other servers reported about our mail after it had been accepted",
)

staff = Table(
    "staff",
    metadata,
    Column("login", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("email", String, nullable=False),
    Column("roles", Text, nullable=False, comment="JSON list of role keys"),
    Column("languages", String, nullable=False, server_default="fr"),
    Column("substitute", String, ForeignKey("staff.login")),
    Column("account", String, unique=True, comment="operating-system account"),
    Column("can_act_as", Integer, nullable=False, server_default="0"),
    Column("left_on", String, comment="local date; from that day on, no longer staff"),
)

absences = Table(
    "absences",
    metadata,
    Column("id", Id, primary_key=True),
    Column("login", String, ForeignKey("staff.login"), nullable=False, index=True),
    Column("first_day", String, nullable=False),
    Column("last_day", String, nullable=False, comment="included"),
    Column("substitute", String, ForeignKey("staff.login"), nullable=False),
)

members = Table(
    "members",
    metadata,
    Column("id", Id, primary_key=True),
    Column("roster", String, nullable=False, comment="such as network"),
    Column("name", String, nullable=False),
    Column("folded", String, nullable=False, comment="name, accents and case folded"),
    Column("category", String, nullable=False, comment="order of education, or other kind"),
    Column("region", String, nullable=False),
    Column("languages", String, nullable=False),
    Column("language_reason", String, comment="why other than French, where it is"),
    Column("source", String, nullable=False, comment="where the name was read"),
    UniqueConstraint("roster", "folded"),
)

memberships = Table(
    "memberships",
    metadata,
    Column("id", Id, primary_key=True),
    Column("member_id", Id, ForeignKey("members.id"), nullable=False, index=True),
    Column("joined_on", String, nullable=False),
    Column("left_on", String, comment="first day outside"),
    Column("reason", String),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("member_id", Id, ForeignKey("members.id"), nullable=False, index=True),
    Column("email", String, nullable=False),
    Column("name", String, nullable=False, server_default=""),
    Column("valid_from", String, nullable=False),
    Column("valid_to", String, comment="first day it no longer holds"),
)

journal = Table(
    "journal",
    metadata,
    Column("seq", Id, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String, nullable=False),
    Column(
        "subject", String, nullable=False, comment="staff, roster, definition, outbox, settings"
    ),
    Column("action", String, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("body", Text, nullable=False, comment="canonical JSON: before, after, reason"),
    comment="hash-chained record of every change that is not a case's own",
)

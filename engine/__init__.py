"""The engine: declarative definitions in, durable cases out.

The engine runs any process that a definition describes and knows none of them.
Its invariants, in one place:

- **One transaction a step.** The case row, its history event, its timers, its outbox rows and
  its child cases are written together or not at all; no effect leaves the process before that
  commit.
- **No blind write.** A case row is only ever updated `WHERE version = …`; a step that lost the
  race changes nothing and says who won (`Conflict`).
- **A refusal is complete.** Every reason is collected before anything is refused, and a refusal
  writes nothing.
- **History is append-only.** One event a step, hash-chained per case; replaying the changes of
  the events gives the case's data back.
- **A definition is pinned.** A case runs to its end under the version it was opened with.
- **Time is injected.** Instants are stored in UTC; rules are reasoned in local dates of the
  workspace's calendar.
- **A timer fires once.** Its effect and its `fired` mark commit together.
- **A number is never reused**, and nothing is deleted.
"""

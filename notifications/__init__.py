"""From an outbox row to a delivered message: rendering, SMTP, certificate."""

"""Double-entry books of organisations: what is owed, held and paid, append-only and balanced by the database."""

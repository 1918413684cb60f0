"""Plain functions that build submissions rows."""

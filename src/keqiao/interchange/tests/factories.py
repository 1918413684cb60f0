"""Plain functions that build interchange rows."""

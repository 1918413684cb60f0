"""Plain functions that build accounts rows."""

"""Plain functions that build integrations rows."""

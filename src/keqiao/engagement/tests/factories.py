"""Plain functions that build engagement rows."""

"""Tables of the engagement context."""

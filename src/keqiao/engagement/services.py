"""Commands of the engagement context."""

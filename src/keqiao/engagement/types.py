"""Words of the engagement context."""

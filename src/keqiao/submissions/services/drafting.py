"""Commands: drafting."""

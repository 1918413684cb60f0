"""Commands: reviewing."""

"""Commands of the integrations context."""

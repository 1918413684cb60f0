"""Words of the integrations context."""

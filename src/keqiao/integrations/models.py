"""Tables of the integrations context."""

"""Words of the interchange context."""

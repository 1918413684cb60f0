"""Commands of the interchange context."""

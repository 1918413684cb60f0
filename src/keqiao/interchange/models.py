"""Tables of the interchange context."""

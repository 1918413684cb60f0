"""Tables of the accounts context."""

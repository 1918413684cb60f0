"""Words of the accounts context."""

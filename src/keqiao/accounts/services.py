"""Commands of the accounts context."""

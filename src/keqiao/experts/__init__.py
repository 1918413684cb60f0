"""Experts: say in one line what it owns."""

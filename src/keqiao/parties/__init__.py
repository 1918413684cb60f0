"""Parties: people, organisations and who acts for whom."""

"""Alerts: watches of people, what they are told of and when, and their switch for personal recommendation."""

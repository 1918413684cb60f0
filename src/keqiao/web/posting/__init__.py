"""The forms in which needs and achievements are written."""

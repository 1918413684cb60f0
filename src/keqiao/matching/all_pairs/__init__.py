"""Every need against every achievement, by matrices instead of one search a need. README of matching says how."""

"""Contact between the two sides of a match: who asked, who answered, what was said, what was found unsuitable."""

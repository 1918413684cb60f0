"""Pages by which administrators run the site: its settings, its own code tables, agreements, the first password."""

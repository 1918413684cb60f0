"""Catalogue: achievements, needs, IP assets and the code tables that classify them."""

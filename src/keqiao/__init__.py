"""Keqiao (科桥): a technology-transfer platform whose matches say why."""

__version__ = "0.2.0"  # as in pyproject.toml; a test compares

"""Deals: contracts, what they bring, and who gets which part of it by which rule."""

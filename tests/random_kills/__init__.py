"""A site in full use whose processes are killed at random, and whether it is whole afterwards.

`turmoil` stands outside: it starts, uses, kills and waits. `inside` runs in processes of the site: what uses it, and what
compares it with a fresh rebuild. tests/test_random_kills.py kills twenty times, bench/kills.py as often as one likes.
"""

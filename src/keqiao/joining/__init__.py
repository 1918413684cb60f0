"""Joining: the same need of several enterprises, the same work of several institutions, kept as one."""

"""What may be seen of engagement. A hidden thing looks like a missing one."""

"""What may be seen of accounts. A hidden thing looks like a missing one."""

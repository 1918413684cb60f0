"""What may be seen of interchange. A hidden thing looks like a missing one."""

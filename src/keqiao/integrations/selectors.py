"""What may be seen of integrations. A hidden thing looks like a missing one."""

"""What runs the platform: the environment, the embedded PostgreSQL, the processes. No Django here."""

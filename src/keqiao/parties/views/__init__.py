"""The pages of parties: joining, one's own, an organisation's management, the operators' queues."""

"""Commands: tokens, stored answers, webhooks."""

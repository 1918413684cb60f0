"""Integrations: access tokens, the frame behind the API, webhooks of organisations, messengers of people."""

"""The search-space language: what a file means, read with its overrides and checked before anything starts."""

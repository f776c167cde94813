"""The optimisers."""

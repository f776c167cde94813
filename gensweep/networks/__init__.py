"""The architectures: the same for every family of a comparison."""

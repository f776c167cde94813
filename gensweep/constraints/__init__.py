"""What keeps a critic in its function class."""

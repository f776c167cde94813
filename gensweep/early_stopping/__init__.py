"""What ends trials early, or changes them while they run: one member a file."""

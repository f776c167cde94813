"""Sources of data, each with fixed splits."""

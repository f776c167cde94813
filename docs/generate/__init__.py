"""Pages of the documentation that are made from the code, so that no fact stands twice."""

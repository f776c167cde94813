"""What is searched: distributions, the tree of a space, its axes, and the arms that a sweep compares."""

"""What proposes the configurations of an arm: one member a file."""

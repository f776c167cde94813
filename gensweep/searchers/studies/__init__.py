"""What came of an arm in the words of Optuna: studies in memory for its samplers, and a file for its dashboard."""

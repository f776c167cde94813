"""What came of an arm in the words of Optuna: studies in memory for its samplers, and a file for its dashboard."""

MOST_IN_A_STUDY = 1000  # trials: Optuna takes 25 ms to write one, and its dashboard shows no more well

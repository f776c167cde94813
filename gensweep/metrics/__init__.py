"""Scores of a trained model, each with the protocol that it was taken by."""

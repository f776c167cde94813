"""Formulas that several packages share, as functions of tensors: nothing here is a component or keeps a state."""

"""The families: each a way to fit a model distribution to data, as a game for the one trainer."""

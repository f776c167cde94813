"""The one training loop, and what it needs: players, random streams, checkpoints."""

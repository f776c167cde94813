"""What gensweep itself costs, measured: commands that print tables, `python -m gensweep.benchmarks.<file>`."""

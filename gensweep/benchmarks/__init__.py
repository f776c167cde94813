"""What the parts of gensweep cost: each file is one benchmark, run as `python -m gensweep.benchmarks.NAME`."""

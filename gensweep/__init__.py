"""gensweep: sweeps over families of generative models, and an honest answer to which one is best."""

__version__ = "0.1.0"

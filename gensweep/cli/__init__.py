"""The command line: a file for each group of commands, each command a few lines that call one function below.

program     the application and `main`
beginning   init
running     run, resume, confirm, check, plan
submitting  submit
standing    status, logs
stopping    stop
showing     ls, show, compare
using       best, sample, reconstruct
latent      interpolate, traverse
removing    rm
repeating   rerun
evaluating  evaluate
following   ui, sync
listing     list, schema
options     what several commands take
defaults    what of it a user says once, in a file
completing  what a shell offers for it
output      how results are printed
streams     what they are printed to, which may be full, gone, or without our characters
notes       what a sound search-space file still leaves to say

The commands import what they call in their bodies, and nothing else in gensweep does so: `gensweep --help`, `ls` and
`show` answer at once, because torch, Ray, MLflow and matplotlib are loaded by the commands that need them. Results go to
stdout, progress and errors to stderr.
"""

from gensweep.cli.program import app, main

__all__ = ["app", "main"]

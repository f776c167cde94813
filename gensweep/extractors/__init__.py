"""Frozen networks in whose features images are compared.

frozen       those that ship, in weights/, and how one of any kind is loaded and known not to have changed
foreign      those that do not ship: Inception, and files of TorchScript or torch.export
cards        what is said of such a file, beside it or in it
exported     a torch.export file without what could run code
trust        which files that may run code the user trusts
preparation  how images become what a network takes
networks     what those are that ship, or that are made here
training     how they learn labels, and how those that ship did: `python -m gensweep.extractors.training digits`
making       one of the user's own, of any dataset: `gensweep train-extractor`
"""

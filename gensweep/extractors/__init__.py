"""Frozen networks in whose features images are compared.

frozen       those that ship, in weights/, and how one of any kind is loaded and known not to have changed
foreign      those that do not ship: Inception, and files of TorchScript or torch.export
exported     a torch.export file without what could run code
trust        which files that may run code the user trusts
preparation  how images become what a network takes
training     how those that ship were trained: `python -m gensweep.extractors.training digits`
"""

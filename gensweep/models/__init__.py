"""What came of a sweep, in use: models by name, their samples, codes and likelihoods, and ways through their latent space.

naming         `wae`, `wae/7`, `wae/sinkhorn`, a folder: which trial's checkpoint that is
winner         which trial stands for a sweep, and for an arm
checkpoint     a checkpoint as a trained model
arguments      what a program gives to it, looked at first
generative     the model as arrays in and out: one implementation below the command line and `import gensweep`
interpolation  from one latent to another
traversal      along one axis of the latent space at a time
outputs        where items go: arrays and pictures, whole or not at all
programs       what it does, as programs of torch.export
export         the model as files that need no gensweep
offers         which of them a run store is offered
card           what these files are, in words
"""

"""Components in words: what the command line prints of a member, and what the reference of the documentation is made of."""

"""What is searched: a network, the blocks that it may get and where, and what they cost."""

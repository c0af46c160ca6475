"""How it is searched: keras-tuner's tuners, what they keep, and what a search has found."""

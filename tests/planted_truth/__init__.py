"""Planted truths: records of models whose abilities are set by hand, and what claims about them should come to."""

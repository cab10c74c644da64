"""Planted truths: records of models whose every ability is set by hand, and what each claim about them should come to."""

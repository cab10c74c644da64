"""Causes: what one switch of a training changes, over many trainings."""

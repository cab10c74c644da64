"""Families side by side: what the studies of several models say together."""

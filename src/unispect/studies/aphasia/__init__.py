"""Drawing against telling: what the studies of words and of names share."""

"""Many trainings by one plan: which cells there are, what a training of each is, and carrying one out as a unit."""

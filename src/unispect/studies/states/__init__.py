"""States, layer by layer: what the studies of prompts and of replies share."""

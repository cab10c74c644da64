"""Prompts by how differently text and pictures go through a model, against whether it draws what it knows."""

"""skeletal-model, a family of models for unispect, which finds it by its entry point."""

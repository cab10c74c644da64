"""What arXiv 2604.10949 states of models, asked of these models: one rule per statement, under both presets."""

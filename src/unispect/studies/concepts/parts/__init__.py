"""What is asked in the concepts study, part by part."""

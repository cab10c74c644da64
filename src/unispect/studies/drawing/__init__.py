"""What does the model draw from a list of prompts, for whoever judges pictures?"""

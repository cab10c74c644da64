"""Do text prompts and pictures take the same entropy trajectory through the layers?"""

"""From outside to inside: do the words a model can draw but not tell look different in its layers?"""

"""How much do the states of a text reply and of a drawn reply depend on their prompt, layer by layer?"""

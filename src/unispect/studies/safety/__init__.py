"""Does a model that was aligned by text refuse what it can draw, whatever it is called?"""

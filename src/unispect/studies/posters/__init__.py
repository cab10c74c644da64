"""What of a known poster comes back right when a model draws it from memory, and what when it describes it?"""

"""A family of models that lives in another package: bytes and eight colours, one after the other.

Nothing here is known to unispect but through `entry_points.txt`.
"""

"""Models behind an API as `UnifiedModel`s: they write and draw; what is inside them cannot be seen."""

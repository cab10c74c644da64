"""`unispect view`: run folders in a browser, read and never written.

`folders` finds runs and says when one has changed, `index` keeps what records say for filters and sorting, `filters` is
the state that stands in an address, `verdicts` has findings worked out beside the pages, `comparing` sets two models
side by side, `records` and `charts` make ready what is shown, `pages` makes HTML, `gate` decides who is let in, `app`
puts it together and `serving` runs it.
"""

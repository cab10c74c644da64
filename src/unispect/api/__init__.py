"""What programs and notebooks hold: runs that are read, charted and shown, and a look at one model in one call."""

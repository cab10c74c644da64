"""Whether everything works here: packages, the machine, and what unispect does with them, tried out."""

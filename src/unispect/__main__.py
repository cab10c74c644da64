"""`python -m unispect` is the command line."""

import sys

from unispect.cli import main

if __name__ == "__main__":
    sys.exit(main())

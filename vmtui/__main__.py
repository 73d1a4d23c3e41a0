"""`python -m vmtui` is `vmtui`."""

import sys

from vmtui.cli import main

if __name__ == "__main__":
    sys.exit(main())

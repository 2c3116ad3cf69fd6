"""`python -m coalition_qa` is the command `coalition-qa`."""

import sys

from coalition_qa.cli import main

sys.exit(main())

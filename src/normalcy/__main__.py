"""`python -m normalcy`."""

from normalcy.cli.main import main

main()

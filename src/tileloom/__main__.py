"""`python -m tileloom`: the same program as `tileloom`."""

from tileloom.cli.main import main

main()

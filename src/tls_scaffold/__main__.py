"""`python -m tls_scaffold`, for where the folder that pip puts `tls-scaffold` in is not on the PATH."""

from tls_scaffold.cli import main

main()

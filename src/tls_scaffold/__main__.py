"""`python -m tls_scaffold`, for where `tls-scaffold` is not on the PATH.

The folder that pip puts it in need not be there.
"""

from tls_scaffold.cli import main

main()

"""Where `tls-scaffold` begins, and `python -m tls_scaffold` where that is not on the PATH.

The folder that pip puts `tls-scaffold` in need not be there.
"""

import sys


def main() -> None:
    """Run the command line; an interruption while it is still being loaded is no traceback."""
    try:
        # Loading takes a tenth of a second: click's own care for Ctrl-C begins behind it.
        from tls_scaffold import cli
    except KeyboardInterrupt:
        sys.exit("\nAborted!")
    cli.main()


if __name__ == "__main__":
    main()

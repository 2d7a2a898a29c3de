"""How git is called on a folder that others may have made."""

# A repository may name programs that git runs by itself, and a foreign one is refused: neither is
# wanted here.
GIT = ("git", "-c", "core.fsmonitor=false", "-c", "safe.directory=*")

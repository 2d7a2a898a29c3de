"""Running members, looked at from outside: what they serve, whom they trust, what went wrong."""

"""What each consumer of a certificate reads, as {path: text}."""

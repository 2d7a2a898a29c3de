"""The states that a certificate can have, as `status` shows them."""

MISMATCHED = "mismatched"
MISSING = "missing"
REVOKED = "revoked"
EXPIRED = "expired"
AWAITING_SIGNATURE = "awaiting signature"
"""A key and a CSR are there, and another machine has to sign."""
STALE = "stale"
ORPHANED = "orphaned"
EXPIRING = "expiring"
ON_REQUEST = "on request"
"""Not there, and no plain `make` signs it."""
VALID = "valid"

STATES = (
    *(MISMATCHED, MISSING, REVOKED, EXPIRED, AWAITING_SIGNATURE),
    *(STALE, ORPHANED, EXPIRING, ON_REQUEST, VALID),
)
"""From the worst on; a certificate has the first of them that is true."""

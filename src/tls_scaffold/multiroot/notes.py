"""What is to be known of a signing service by cfssl, in plain words: each was tried on both."""

NO_NAME = (
    "a whitelist is asked for the CN, DNS names, e-mail addresses and (by 1.6.5) URIs; not for an "
    "empty CN, nor for IP addresses, O and OU: whoever has a key gets a certificate without a CN, "
    "one for any IP address, and any O"
)
ANY_LIFE = (
    "multirootca 1.6.5 lets whoever has a key say from when until when, beyond the profile's "
    "expiry too: the end of the CA is the only end; 1.2.0 does not"
)
EMPTY_KEY = (
    "a key that is empty, as that of `env:NAME` is where NAME is not set, is taken: then everybody "
    "has it"
)
SERVE = "`cfssl serve` is no substitute: its `/newcert` signs any name without a key, `root` too"
NOT_CHECKED = (NO_NAME, ANY_LIFE, EMPTY_KEY, SERVE)
READ_AT_START = "multirootca reads all this when it starts; SIGHUP ends it"
RESTART = "systemctl restart multirootca"

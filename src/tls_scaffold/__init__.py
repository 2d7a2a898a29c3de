"""Makes and keeps etcd `hack/tls-setup` folders."""

import os

__version__ = "0.2.0"
STARTED_BY = (
    os.getppid()
)  # here, where it comes before all other imports: a make may be killed while they go on

"""Which certificates are trusted: read once for all connections, where `requests` would read them for each."""

import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests.adapters
import requests.utils
from urllib3.util.ssl_ import create_urllib3_context


class TrustingAdapter(requests.adapters.HTTPAdapter):
    """Connects as its parent does. The usual 140 authorities take 20 ms of CPU, which each of a crew would pay for."""

    def __init__(self, connections: int, bundle: Callable[[], str]) -> None:
        """Trust a proxy that is spoken to over TLS as `bundle` says, '' for the usual authorities."""
        self._bundle = bundle
        self._trusted: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        super().__init__(pool_connections=connections, pool_maxsize=connections)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """Put the context where the parent names the authorities. Raises OSError when these cannot be read."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        bundle = requests.utils.DEFAULT_CA_BUNDLE_PATH if verify is True else str(verify)
        return host, {"ssl_context": self._context(bundle)} if host["scheme"] == "https" else {}

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        """Give the context that the parent would make of what `cert_verify` leaves behind."""
        if proxy.lower().startswith("https:") and proxy not in self.proxy_manager:
            bundle = self._bundle() or requests.utils.DEFAULT_CA_BUNDLE_PATH
            proxy_kwargs["proxy_ssl_context"] = self._context(bundle)
        return super().proxy_manager_for(proxy, **proxy_kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the connection as it is: the parent would have it read the authorities again."""

    def _context(self, bundle: str) -> ssl.SSLContext:
        with self._lock:
            if bundle not in self._trusted:
                context = create_urllib3_context()
                context.load_verify_locations(**{"capath" if Path(bundle).is_dir() else "cafile": bundle})
                self._trusted[bundle] = context
            return self._trusted[bundle]

"""The address under which a phone on the same network opens the page, and what it needs for that."""

import ipaddress
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import segno

from handshape.config.serve import ServeConfig
from handshape.serve.access import is_loopback

_MAKE_CERTIFICATE = (
    "openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=handshape "
    "-keyout key.pem -out certificate.pem"
)
_HTTPS = "Browsers on other devices allow the camera only over https, which needs a certificate."
_WARNING = "The phone warns of a certificate that you made yourself; choose to go on."


@dataclass(frozen=True)
class Phone:
    """How to open the page on a phone.

    Args:
        config: How the server was started.
        port: Its port.
        token: Secret that the link must carry, if any.
    """

    config: ServeConfig
    port: int
    token: str | None

    def to_dict(self, *, with_token: bool) -> dict[str, Any]:
        """Return link, QR code and what to do, as JSON for the page.

        Args:
            with_token: Whether the link may carry the token: only where this computer itself asks.
        """
        address, secure = self._address(), self.config.certificate is not None
        link = None if address is None or is_loopback(self.config.host) else self._link(address, with_token)
        if address is None:
            text = "This computer is not on a network that a phone could be on."
        elif link is None:
            text = f"This server answers only this computer. {_HTTPS} To use a phone, start it so:"
        elif not secure:
            text = f"Over http a phone can only try photos. {_HTTPS} To use the camera, start the server so:"
        else:
            text = f"Scan this with a phone on the same network. {_WARNING}"
        code = link and segno.make(link, micro=False).svg_data_uri(border=2, light="white", scale=4)
        commands = [] if secure or address is None else [_MAKE_CERTIFICATE, self._command()]
        return {"link": link, "text": text, "qr": code, "commands": commands}

    def hints(self) -> list[str]:
        """Return lines for the terminal: the address on the local network, and what https needs."""
        address = None if is_loopback(self.config.host) else self._address()
        if address is None:
            return []
        lines = [f"On the network: {self._link(address, with_token=False)}"]
        if self.config.certificate is None:
            lines.append(f"{_HTTPS} To make one: {_MAKE_CERTIFICATE}; then add --certificate and --key.")
        return lines

    def _link(self, address: str, with_token: bool) -> str:
        scheme = "https" if self.config.certificate else "http"
        host = f"[{address}]" if ":" in address else address
        secret = f"?token={self.token}" if with_token and self.token else ""
        return f"{scheme}://{host}:{self.port}/{secret}"

    def _address(self) -> str | None:
        """Return the address that other devices reach; None without a network."""
        with suppress(ValueError):
            address = ipaddress.ip_address(self.config.host)
            if not address.is_unspecified and not address.is_loopback:
                return self.config.host
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses the address to send from
            return str(probe.getsockname()[0])
        return None

    def _command(self) -> str:
        words = ["handshape", "serve", *([str(self.config.bundle)] if self.config.bundle else [])]
        return " ".join([*words, "--host 0.0.0.0", "--certificate certificate.pem", "--key key.pem"])

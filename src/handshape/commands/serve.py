"""Serve the live page and the HTTP API of a recogniser."""

import ipaddress
import logging
import webbrowser
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from handshape.config.serve import ServeConfig
from handshape.errors import UsageError
from handshape.progress import say, show_progress

if TYPE_CHECKING:
    from handshape.serve.access import AccessPolicy
    from handshape.serve.phone import Phone


def serve(config: ServeConfig) -> dict[str, Any]:
    """Serve until interrupted.

    Args:
        config: The settings.

    Returns:
        The address that was served, and how many photos were predicted.

    Raises:
        BundleError: The bundle is missing or damaged.
        OutputError: The cache cannot be written, or another server uses the photos for Teach.
        ServeError: The address cannot be listened on, or the certificate cannot be used.
    """
    # Only now, so that `--help` does not wait for them.
    show_progress(config.log == "text")
    say("Starting the server")
    from handshape.cache.location import open_cache
    from handshape.serve.access import AccessPolicy
    from handshape.serve.app import create_app
    from handshape.serve.limits import Limits
    from handshape.serve.loaded_recogniser import load_for_serving
    from handshape.serve.phone import Phone
    from handshape.serve.prediction_queue import PredictionQueue
    from handshape.serve.request_log import logging_to_stderr
    from handshape.serve.server import listen, make_server
    from handshape.serve.teach.photo_folder import PhotoFolder
    from handshape.serve.teach.teacher import Teacher

    access, limits = AccessPolicy.of(config), Limits()
    folder = PhotoFolder(config.teach)
    if config.log == "json" and access.token and not access.given:
        raise UsageError(
            "--log json would log a new token", "a token of your own", "give one with --token-file"
        )
    if config.allow_hosts:
        limits = replace(limits, share=limits.connections)  # all clients have the proxy's address
    with (
        logging_to_stderr(config.log),
        listen(config.host, config.port) as listener,
        folder.claimed(),
    ):
        if config.bundle is not None:
            say(f"Loading the recogniser {config.bundle}")
        recogniser = None if config.bundle is None else load_for_serving(config.bundle)
        say("Opening the photos for Teach")
        queue = PredictionQueue(recogniser, limit=limits.waiting)
        teacher = Teacher(folder, queue, open_cache(config.cache))
        port = listener.getsockname()[1]
        url, phone = _url(config, port), Phone(config, port, access.token)
        try:
            server = make_server(
                create_app(
                    queue,
                    access,
                    limits,
                    teacher=teacher,
                    phone=phone,
                    secure=config.certificate is not None,
                ),
                limits,
                started=lambda: _announce(config, url, access, phone),
                certificate=config.certificate,
                key=config.key,
            )
            server.run([listener])
        finally:
            teacher.close()
            queue.close()
    return {"url": url, "photos": queue.predicted}


def _url(config: ServeConfig, port: int) -> str:
    host = config.host
    try:
        address = ipaddress.ip_address(host)
        host = f"[{host}]" if address.version == 6 else host
        if address.is_unspecified:
            host = "localhost"
    except ValueError:
        pass
    return f"{'https' if config.certificate else 'http'}://{host}:{port}/"


def _announce(config: ServeConfig, url: str, access: "AccessPolicy", phone: "Phone") -> None:
    # A token that the user gave is known to the user, and does not belong into a log.
    shown = f"?token={access.token}" if access.token and not access.given else ""
    for line in (*phone.hints(), f"Serving at {url}{shown} (Ctrl+C ends it)"):
        say(line) if config.log == "text" else logging.getLogger("handshape.serve").info(line)
    show_progress(False)  # the server finds landmarks all the time; its progress bars would fill the terminal
    if not config.no_open:
        webbrowser.open(url if access.token is None else f"{url}?token={access.new_ticket()}")

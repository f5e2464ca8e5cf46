"""Serve the live page and the HTTP API of a recogniser."""

import ipaddress
import webbrowser
from importlib.util import find_spec
from typing import Any

from handshape.cluster import join_cluster
from handshape.config.serve import ServeConfig
from handshape.errors import MissingExtraError
from handshape.progress import say, show_progress


def serve(config: ServeConfig) -> dict[str, Any]:
    """Serve until interrupted.

    Args:
        config: The settings.

    Returns:
        Where it was served and, but for Ray's replicas, how many photos were read.

    Raises:
        BundleError: The bundle is missing or damaged.
        OutputError: The feature store cannot be written.
        MissingExtraError: The extra ``serve`` is not installed.
        ServeError: The address cannot be listened on, or the certificate cannot be used.
        ClusterError: The Ray cluster cannot be joined, or cannot serve.
    """
    _require_extra()
    return _on_cluster(config) if config.engine == "ray" else _here(config)


def _require_extra() -> None:
    for name in ("fastapi", "uvicorn", "httptools", "python_multipart", "prometheus_client"):
        if find_spec(name) is None:
            raise MissingExtraError(
                f"{name!r} is not installed", "the extra 'serve'", "pip install 'handshape[serve]'"
            )


def _here(config: ServeConfig) -> dict[str, Any]:
    # Only now, so that the message about the extra comes before a failing import.
    from handshape.cache.location import open_store
    from handshape.serve.app import create_app
    from handshape.serve.engine import Engine
    from handshape.serve.reader import open_reader
    from handshape.serve.server import listen, make_server
    from handshape.serve.settings import settings_of
    from handshape.serve.teach.album import Album
    from handshape.serve.teach.teacher import Teacher

    settings = settings_of(config)
    with listen(config.host, config.port) as listener:
        reader = None if config.bundle is None else open_reader(config.bundle)
        engine = Engine(reader, threads=config.threads, waiting=settings.limits.waiting)
        teacher = Teacher(Album(config.teach), engine, open_store(config.store))
        url = _url(config, listener.getsockname()[1])
        try:
            server = make_server(
                create_app(engine, settings, teacher=teacher, secure=config.certificate is not None),
                settings.limits,
                started=lambda: _tell(config, url, settings.token),
                certificate=config.certificate,
                key=config.key,
            )
            server.run([listener])
        finally:
            engine.close()
    return {"url": url, "photos": engine.photos}


def _on_cluster(config: ServeConfig) -> dict[str, Any]:
    from handshape.recogniser import bundle_folder, load
    from handshape.serve.server import listen
    from handshape.serve.settings import settings_of

    assert config.bundle is not None  # the settings see to it
    bundle = bundle_folder(config.bundle).absolute()
    load(bundle)  # a damaged bundle is told here, not by every replica
    settings = settings_of(config)
    with listen(config.host, config.port) as listener:
        port = listener.getsockname()[1]
    url = _url(config, port)
    with join_cluster(config.address):
        from handshape.serve.ray import serve_on_cluster  # Ray is an extra

        serve_on_cluster(
            bundle,
            settings,
            host=config.host,
            port=port,
            replicas=config.replicas,
            threads=config.threads or 1,
            started=lambda: _tell(config, url, settings.token),
        )
    return {"url": url, "replicas": config.replicas}


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


def _tell(config: ServeConfig, url: str, token: str | None) -> None:
    link = url if token is None else f"{url}?token={token}"
    say(f"Serving at {link} (Ctrl+C ends it)")
    show_progress(False)  # features of each photo that is taught are no news
    if not config.no_open:
        webbrowser.open(link)

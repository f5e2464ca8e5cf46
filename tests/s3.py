"""An S3 server of this machine's own, for tests: OpenStack Swift with its S3 interface, one disk, one copy.

Debian packages: swift-proxy, swift-account, swift-container, swift-object.
"""

import getpass
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.programs import need

# Who owns the buckets, and who may sign in but read none of them.
OWNER, STRANGER, SECRET = "photos:owner", "photos:stranger", "secret"
_STORAGE = ("account", "container", "object")
_SECONDS = 240.0
_SERVER = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {place}
devices = {place}
mount_check = false
workers = 0
fallocate_reserve = 0
[app:{name}-server]
use = egg:swift#{name}
account_autocreate = true
[pipeline:main]
pipeline = {before} {name}-server
"""
# Signatures are checked by tempauth, which wants a cache, though none that answers.
_FILTERS = f"""[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:9
[filter:s3api]
use = egg:swift#s3api
[filter:tempauth]
use = egg:swift#tempauth
user_{OWNER.replace(":", "_")} = {SECRET} .admin
user_{STRANGER.replace(":", "_")} = {SECRET}
"""
# Which disk holds what: all of it the only one. Run by Debian's own Python.
_RINGS = """import sys
from swift.common.ring import RingBuilder
for path, port in zip(sys.argv[1::2], sys.argv[2::2]):
    ring, disk = RingBuilder(1, 1, 0), {"region": 1, "zone": 1, "device": "disk", "weight": 1}
    ring.add_dev({**disk, "ip": "127.0.0.1", "port": int(port)})
    ring.rebalance()
    ring.get_ring().save(path)
"""


def put(folder: Path, bucket: str) -> None:
    """Store the files below a folder, each under its path, on the server that the environment names."""
    from pyarrow.fs import S3FileSystem

    server = os.environ["AWS_ENDPOINT_URL"]
    system = S3FileSystem(endpoint_override=server, allow_bucket_creation=True, allow_delayed_open=True)
    system.create_dir(bucket)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        with system.open_output_stream(f"{bucket}/{file.relative_to(folder).as_posix()}") as stream:
            stream.write(file.read_bytes())


@contextmanager
def s3_server(place: Path) -> Iterator[dict[str, str]]:
    """Run the server; gives what the environment of its owner says."""
    names = (*_STORAGE, "proxy")
    programs = {name: need(f"swift-{name}-server") for name in names}
    ports = dict(zip(names, _free_ports(len(names)), strict=True))
    (place / "disk").mkdir(parents=True)
    rings = [str(word) for name in _STORAGE for word in (place / f"{name}.ring.gz", ports[name])]
    subprocess.run(["/usr/bin/python3", "-c", _RINGS, *rings], check=True)
    with ExitStack() as running:
        for name in names:
            before = "cache s3api tempauth" if name == "proxy" else ""
            settings = _SERVER.format(
                port=ports[name], user=getpass.getuser(), place=place, name=name, before=before
            )
            (place / f"{name}.conf").write_text(settings + _FILTERS * (name == "proxy"))
            log = running.enter_context((place / f"{name}.log").open("wb"))
            # A server ends with the tests, even where those are killed.
            words = ["setpriv", "--pdeathsig", "KILL", programs[name], str(place / f"{name}.conf"), "-v"]
            process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT)
            running.callback(_end, process)
        for name in names:
            _wait(ports[name], place / f"{name}.log")
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['proxy']}",
            "AWS_ACCESS_KEY_ID": OWNER,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            # Swift does not take the trailing checksums that Amazon's library would send.
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        }


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _wait(port: int, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()

"""Bundles on a hub, against a stand-in: a real server on this machine that speaks what is used of the hub.

It covers model info, creation, upload (preupload, LFS batch with basic transfer, commit), download by branch,
tag and commit, private repositories and their tokens, and the hub's error codes. It does not cover Xet
transfers, multipart LFS, gated repositories, rate limits, nor the hub's own check of a card's head.
"""

import base64
import hashlib
import json
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import huggingface_hub
import numpy as np
import onnx
import pytest
from huggingface_hub import ModelCard, constants
from tests.bundles import change
from tests.processes import Starter

import handshape
from handshape import hub
from handshape.errors import BundleError, HubError, MissingExtraError, UsageError
from handshape.export.metadata import bundle_digest
from handshape.inference.engine import Graph

# The library's own upload of large files without Xet uses an argument that its HTTP client has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

TOKEN = "hf_not_to_be_seen_by_anyone"
Commit = dict[str, bytes]


class Hub(ThreadingHTTPServer):
    """The stand-in: repositories of commits, in memory."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.private: dict[str, bool] = {}
        self.commits: dict[str, dict[str, Commit]] = {}
        self.branches: dict[str, dict[str, str]] = {}
        self.large: dict[str, bytes] = {}
        self.asked: list[str] = []
        # Sizes that the hub states, where they are not those of the content.
        self.stated: dict[str, int] = {}

    def add(self, repository: str, files: Commit, *, private: bool = False) -> str:
        oid = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.private.setdefault(repository, private)
        self.commits.setdefault(repository, {})[oid] = files
        self.branches.setdefault(repository, {})["main"] = oid
        return oid

    def newest(self, repository: str) -> Commit:
        return self.commits[repository][self.branches[repository]["main"]]


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_request(self, code: object = "-", size: object = "-") -> None:
        self.server.asked.append(f"{self.command} {urlsplit(self.path).path}")

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._info(match[1], match[2] or "main")
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(match[1], match[2], match[3])
        else:
            self._fail(404, "EntryNotFound")

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self._whole()
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._fail(401, "")
        elif path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path.endswith("/info/lfs/objects/batch"):
            self._batch(json.loads(body))
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", path):
            self._modes(json.loads(body))
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", path):
            self._commit(match[1], [json.loads(line) for line in body.splitlines()])
        else:
            self._fail(404, "EntryNotFound")

    def do_PUT(self) -> None:
        body = self._chunks() if "Content-Length" not in self.headers else self._whole()
        oid = self.path.removeprefix("/large/")
        assert hashlib.sha256(body).hexdigest() == oid
        self.server.large[oid] = body
        self._answer({})

    def _whole(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _create(self, wanted: dict[str, Any]) -> None:
        repository = f"{wanted['organization']}/{wanted['name']}"
        if wanted["organization"] != "owner":
            return self._fail(403, "")
        private = wanted.get("private") or wanted.get("visibility") == "private"
        self.server.add(repository, {".gitattributes": b""}, private=bool(private))
        return self._answer({"url": f"{self.server.url}/{repository}", "name": repository})

    def _modes(self, wanted: dict[str, Any]) -> None:
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith((".safetensors", ".onnx")) else "regular",
                "shouldIgnore": False,
            }
            for file in wanted["files"]
        ]
        self._answer({"files": modes})

    def _batch(self, wanted: dict[str, Any]) -> None:
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.server.url}/large/{one['oid']}"}}}
            for one in wanted["objects"]
        ]
        self._answer({"transfer": "basic", "objects": objects})

    def _commit(self, repository: str, lines: list[dict[str, Any]]) -> None:
        files = dict(self.server.newest(repository))
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.large[value["oid"]]
        oid = self.server.add(repository, files)
        self._answer({"commitOid": oid, "commitUrl": f"{self.server.url}/{repository}/commit/{oid}"})

    def _info(self, repository: str, revision: str) -> None:
        found = self._find(repository, revision)
        if found is not None:
            oid, files = found
            siblings = [
                {"rfilename": name, "size": self.server.stated.get(name, len(content))}
                for name, content in files.items()
            ]
            private = self.server.private[repository]
            self._answer({"id": repository, "sha": oid, "private": private, "siblings": siblings})

    def _file(self, repository: str, revision: str, name: str) -> None:
        found = self._find(repository, revision)
        if found is None:
            return
        oid, files = found
        if name not in files:
            self._fail(404, "EntryNotFound")
            return
        tag = hashlib.sha256(files[name]).hexdigest()
        self._send(200, files[name], {"ETag": f'"{tag}"', "X-Repo-Commit": oid})

    def _find(self, repository: str, revision: str) -> tuple[str, Commit] | None:
        known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if repository not in self.server.commits or (self.server.private[repository] and not known):
            self._fail(404, "RepoNotFound")
            return None
        oid = self.server.branches[repository].get(revision, revision)
        if oid not in self.server.commits[repository]:
            self._fail(404, "RevisionNotFound")
            return None
        return oid, self.server.commits[repository][oid]

    def _answer(self, value: dict[str, Any]) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _fail(self, status: int, code: str) -> None:
        self._send(status, b"", {"X-Error-Code": code, "X-Error-Message": code})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """The stand-in, taken for the hub by this process and by those it starts."""
    cache = tmp_path / "hf"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "token"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with Hub() as standin:
        threading.Thread(target=standin.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", standin.url)
        yield standin
        huggingface_hub.close_session()
        standin.shutdown()


@pytest.fixture
def signed_in(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)


def content(finished: Any) -> Commit:
    return {path.name: path.read_bytes() for path in (finished.out / "recogniser").iterdir()}


def photos() -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (50, 60, 3), dtype=np.uint8) for _ in range(3)]


@pytest.mark.usefixtures("signed_in")
def test_push__and_load_give_the_same_recogniser(cli: Any, finished: Any, server: Hub) -> None:
    answer = cli("push", finished.out, "owner/signs", "--json")
    assert answer.code == 0, answer.err
    assert TOKEN not in answer.out + answer.err
    found = answer.json
    assert found["private"] is True and server.private == {"owner/signs": True}
    assert found["url"] == f"{server.url}/owner/signs"
    assert set(server.newest("owner/signs")) == {".gitattributes", *found["files"]}
    graphs = {"palm.onnx", "hand.onnx", "image.onnx", "head.onnx"}
    assert set(found["files"]) == {"config.json", "README.md", "model.safetensors", *graphs}
    here = handshape.load(finished.out).predict_proba(photos())
    for name in ("hub:owner/signs", f"hub:owner/signs@{found['revision']}"):
        assert np.array_equal(handshape.load(name).predict_proba(photos()), here)


@pytest.mark.usefixtures("signed_in")
def test_push__numbers_the_signers_and_keeps_everything_else(finished: Any, server: Hub) -> None:
    handshape.push(finished.out, "owner/signs", license="cc-by-4.0")
    uploaded = server.newest("owner/signs")
    pushed, own = json.loads(uploaded["config.json"]), json.loads(content(finished)["config.json"])
    names = {f"signer {number}" for number in range(1, 5)}
    assert set(pushed["trained_on"]["signers"]) | set(pushed["figures"]["signers"]) <= names
    assert len(pushed["trained_on"]["signers"]) == len(own["trained_on"]["signers"])
    for part in ("trained_on", "figures"):
        del pushed[part]["signers"], own[part]["signers"]
    assert pushed.pop("digest") != own.pop("digest")
    assert pushed == own
    card: Any = ModelCard(uploaded["README.md"].decode())
    assert card.data.license == "cc-by-4.0" and card.data.library_name == "handshape"
    assert 'handshape.load("hub:owner/signs")' in card.text
    handshape.push(finished.out, "owner/signs", signer_names=True)
    assert json.loads(server.newest("owner/signs")["config.json"]) == json.loads(
        content(finished)["config.json"]
    )


@pytest.mark.slow
@pytest.mark.usefixtures("signed_in")
def test_push__takes_the_onnx_export_along_without_names_and_nothing_else(
    cli: Any, finished: Any, server: Hub, tmp_path: Path
) -> None:
    bundle = shutil.copytree(finished.out / "recogniser", tmp_path / "bundle")
    change(bundle, lambda config: config["trained_on"].update(signers=["anna-lena", "zoë"]))
    (bundle / "secret.txt").write_bytes(b"not for others")
    assert cli("export", bundle, "--images", finished.photos).code == 0
    assert b"anna-lena" in (bundle / "model.onnx").read_bytes()
    handshape.push(bundle, "owner/signs")
    uploaded = server.newest("owner/signs")
    assert set(uploaded) == {".gitattributes", *hub.FILE_LIMITS}
    assert not any(b"anna-lena" in data for data in uploaded.values())
    # What was downloaded is whole: the export is that of the recogniser beside it.
    there = hub.fetch_bundle("hub:owner/signs")
    known = onnx.load(there / "model.onnx").metadata_props
    assert {one.key: json.loads(one.value) for one in known}["handshape.bundle"] == bundle_digest(there)
    assert Graph(there / "model.onnx").run(images=np.stack(photos()))["probabilities"].shape == (3, 3)


@pytest.mark.usefixtures("signed_in")
def test_push__public_only_by_an_explicit_word(cli: Any, finished: Any, server: Hub) -> None:
    server.add("owner/open", {})
    answer = cli("push", finished.out, "owner/open")
    assert answer.code == 2 and server.newest("owner/open") == {}
    assert answer.err.splitlines()[-1].startswith("handshape push: everyone can see 'owner/open'")
    answer = cli("push", finished.out, "owner/open", "--public")
    assert answer.code == 0 and "owner/open, public" in answer.out
    assert cli("push", finished.out, "owner/new", "--public").code == 0
    assert server.private["owner/new"] is False


def test_push__nobody_signed_in(cli: Any, finished: Any, server: Hub) -> None:
    answer = cli("push", finished.out, "owner/signs")
    assert answer.code == 1 and not server.commits
    assert answer.err.splitlines()[-1].startswith("handshape push: you are not signed in to the hub")


@pytest.mark.usefixtures("signed_in")
def test_push__a_name_that_is_not_ours(cli: Any, finished: Any, server: Hub) -> None:
    answer = cli("push", finished.out, "someone/signs")
    assert answer.code == 1 and TOKEN not in answer.err
    assert answer.err.splitlines()[-1].startswith("handshape push: the hub refused 'someone/signs' (403)")


@pytest.mark.usefixtures("signed_in")
def test_push__a_damaged_bundle_is_not_uploaded(finished: Any, server: Hub, tmp_path: Path) -> None:
    for name, data in content(finished).items():
        (tmp_path / name).write_bytes(data[:100])
    with pytest.raises(BundleError, match="is damaged"):
        handshape.push(tmp_path, "owner/signs")
    assert not server.asked


@pytest.mark.parametrize(
    "name", ["signs", "a/b/c", "../signs", "owner/..", "owner/a--b", "ö/signs", "owner/s@1"]
)
def test_push__no_name_of_a_repository(cli: Any, finished: Any, name: str) -> None:
    answer = cli("push", finished.out, name)
    assert answer.code == 2 and f"repository '{name}'" in answer.err


def test_fetch_bundle__asks_for_the_files_of_a_bundle_only(finished: Any, server: Hub) -> None:
    strange = {"pytorch_model.bin": b"\x80\x04.", "handshape.py": b"raise SystemExit", "a/config.json": b"{}"}
    server.add("owner/signs", {**strange, **content(finished)})
    folder = hub.fetch_bundle("hub:owner/signs")
    wanted = set(hub.FILE_LIMITS) & set(content(finished))
    assert {path.name for path in folder.iterdir()} == wanted
    files = {line.rsplit("/", 1)[1] for line in server.asked if "/resolve/" in line}
    assert files == wanted
    assert not any("a/config.json" in line for line in server.asked)


def test_load__a_pickle_from_a_stranger(finished: Any, server: Hub) -> None:
    # Unpickling it would end the process.
    pickled = b"cposix\n_exit\n(I3\ntR."
    server.add("owner/signs", {**content(finished), "model.safetensors": pickled})
    with pytest.raises(BundleError, match=r"the bundle's model.safetensors is damaged at 'the file'"):
        handshape.load("hub:owner/signs")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_fetch_bundle__no_bundle_there(finished: Any, server: Hub, file: str) -> None:
    files = content(finished)
    del files[file]
    server.add("owner/signs", files)
    text = rf"no {file} in 'owner/signs' on the hub"
    with pytest.raises(BundleError, match=text):
        hub.fetch_bundle("hub:owner/signs")


@pytest.mark.parametrize("file", ["config.json", "README.md", "model.safetensors"])
def test_fetch_bundle__too_large_before_a_byte_is_downloaded(finished: Any, server: Hub, file: str) -> None:
    server.add("owner/signs", content(finished))
    server.stated[file] = hub.FILE_LIMITS[file] + 1
    text = rf"{file} in 'owner/signs' on the hub has [\d,]+ bytes"
    with pytest.raises(BundleError, match=text):
        hub.fetch_bundle("hub:owner/signs")
    assert not any("/resolve/" in line for line in server.asked)


def test_fetch_bundle__tags_and_unknown_revisions(finished: Any, server: Hub) -> None:
    old = server.add("owner/signs", content(finished))
    server.branches["owner/signs"]["v1"] = old
    server.add("owner/signs", {**content(finished), "README.md": b"newer"})
    assert hub.fetch_bundle("hub:owner/signs@v1").name == old
    assert (hub.fetch_bundle("hub:owner/signs") / "README.md").read_bytes() == b"newer"
    text = "'owner/signs' on the hub has no such revision"
    with pytest.raises(HubError, match=text):
        hub.fetch_bundle("hub:owner/signs@v2")


def test_fetch_bundle__private_or_not_there(finished: Any, server: Hub, monkeypatch: Any) -> None:
    server.add("owner/signs", content(finished), private=True)
    for name in ("hub:owner/signs", "hub:owner/nothing"):
        with pytest.raises(
            HubError,
            match=r"no repository 'owner/\w+' on the hub, or it is private",
        ):
            hub.fetch_bundle(name)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert (hub.fetch_bundle("hub:owner/signs") / "model.safetensors").is_file()


def test_fetch_bundle__out_of_reach(finished: Any, server: Hub, monkeypatch: Any, cli: Any) -> None:
    server.add("owner/signs", content(finished))
    first = hub.fetch_bundle("hub:owner/signs")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert hub.fetch_bundle("hub:owner/signs") == first
    photo = next(finished.photos.glob("A/*"))
    answer = cli("predict", "hub:owner/signs", photo)
    assert answer.code == 0
    assert "Using the earlier download of owner/signs." in answer.err
    with pytest.raises(HubError, match=r"the hub cannot be reached for 'owner/other' \(\w+\)"):
        hub.fetch_bundle("hub:owner/other")


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_load__the_commands_take_a_name(cli: Any, finished: Any, server: Hub, command: str) -> None:
    server.add("owner/signs", content(finished))
    what = next(finished.photos.glob("A/*")) if command == "predict" else finished.photos
    words = () if command == "predict" else ("--cache", finished.cache, "--include-known")
    here, there = (
        cli(command, bundle, what, *words, "--json") for bundle in (finished.out, "hub:owner/signs")
    )
    assert there.code == 0, there.err
    if command == "predict":
        assert there.json == here.json
    else:  # the list of training photos is not pushed
        assert there.json["known_photos"] is None
        assert all(there.json[key] == here.json[key] for key in ("n", "accuracy", "labels"))


def test_load__without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    text = r"huggingface-hub is not installed"
    with pytest.raises(MissingExtraError, match=text):
        handshape.load("hub:owner/signs")


@pytest.mark.parametrize("name", ["hub:signs", "hub:owner/signs@", "hub:", "hub:owner/../signs"])
def test_load__no_name_of_a_repository(name: str) -> None:
    with pytest.raises(UsageError, match=r"repository .*"):
        handshape.load(name)


@pytest.mark.slow
def test_push__a_whole_process_prints_no_token(
    finished: Any, server: Hub, starter: Starter, tmp_path: Path
) -> None:
    settings = {"HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}
    environment = {"HF_TOKEN": TOKEN, **settings}
    done = starter.run("push", finished.out, "owner/signs", "--debug", environment=environment).done()
    assert TOKEN not in done.out + done.err
    assert "private: only you can see it" in done.out

"""``WS /v1/stream``: camera frames in, labels out; the newest frame wins."""

import asyncio
import json
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from handshape.errors import HandshapeError
from handshape.serve.engine import Engine
from handshape.serve.errors import CODES, Problem, problem_of, problem_response
from handshape.serve.predict import read_photos
from handshape.serve.settings import Limits

_NORMAL = 1000


class Streams:
    """The open streams of a server.

    Args:
        engine: What reads.
        limits: How many there may be, and how long one may be silent.
    """

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self._engine, self._limits = engine, limits
        self.open = 0

    async def serve(self, websocket: WebSocket) -> None:
        """Answer one client until it leaves or falls silent."""
        if self.open >= self._limits.streams:
            busy = problem_response(
                503, f"{self.open} streams are open; try again later.", {"Retry-After": "5"}
            )
            await websocket.send_denial_response(busy)
            return
        self.open += 1
        try:
            await websocket.accept()
            await _Stream(websocket, self._engine, self._limits).run()
        finally:
            self.open -= 1


class _Stream:
    """One client: a slot for the newest frame, one task that fills it and one that empties it."""

    def __init__(self, websocket: WebSocket, engine: Engine, limits: Limits) -> None:
        self._websocket, self._engine, self._limits = websocket, engine, limits
        self._mirrored, self._sequence = False, 0
        self._frame: tuple[int, bytes, bool] | None = None
        self._arrived = asyncio.Event()

    async def run(self) -> None:
        answering = asyncio.create_task(self._answer())
        receiving = asyncio.create_task(self._receive())
        try:
            await asyncio.wait((answering, receiving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            answering.cancel()
            receiving.cancel()
            for ended in await asyncio.gather(answering, receiving, return_exceptions=True):
                if isinstance(ended, Exception) and not isinstance(ended, WebSocketDisconnect):
                    raise ended

    async def _receive(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._limits.idle_seconds):
                    message = await self._websocket.receive()
            except TimeoutError:
                await self._close(_NORMAL, "No frame for a while.")
                return
            if message["type"] == "websocket.disconnect":
                return
            if message.get("bytes") is not None:
                self._sequence += 1
                self._frame = (self._sequence, message["bytes"], self._mirrored)
                self._arrived.set()
            else:
                await self._set_options(message.get("text") or "")

    async def _set_options(self, text: str) -> None:
        try:
            options = json.loads(text)
            if not isinstance(options, dict) or not isinstance(options.get("mirrored"), bool):
                raise ValueError
        except (ValueError, RecursionError):
            await self._websocket.send_json(
                {"code": CODES[422], "message": 'Expected {"mirrored": true} or false, or a frame as binary.'}
            )
            return
        self._mirrored = options["mirrored"]

    async def _answer(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            frame, self._frame = self._frame, None
            if frame is not None:
                await self._websocket.send_json(await self._reply(*frame))

    async def _reply(self, sequence: int, data: bytes, mirrored: bool) -> dict[str, Any]:
        try:
            (reading,) = await read_photos(self._engine, [data], self._limits, mirrored=mirrored)
        except (HandshapeError, Problem) as error:
            problem = error if isinstance(error, Problem) else problem_of(error)
            return {"sequence": sequence, "code": CODES[problem.status_code], "message": problem.detail}
        return {
            "sequence": sequence,
            "label": reading.label,
            "probability": reading.probability,
            "sure": reading.sure,
            "top": reading.top,
            "milliseconds": reading.milliseconds,
            "model": reading.model,
        }

    async def _close(self, code: int, reason: str) -> None:
        with suppress(RuntimeError, WebSocketDisconnect):
            await self._websocket.close(code, reason)

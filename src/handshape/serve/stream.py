"""``WS /v1/stream``: camera frames in, predictions out; only the newest frame is predicted."""

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from handshape.errors import HandshapeError
from handshape.serve.errors import HttpError
from handshape.serve.limits import Limits
from handshape.serve.predict import predict_photos
from handshape.serve.prediction_queue import PredictionQueue, Tracker


class Streams:
    """The open streams of a server."""

    def __init__(self, queue: PredictionQueue, limits: Limits) -> None:
        self._queue, self._limits = queue, limits
        self.open = 0

    async def serve(self, websocket: WebSocket) -> None:
        """Answer one client until it leaves or falls silent."""
        if self.open >= self._limits.streams:
            busy = HttpError(503, f"{self.open} streams are open; try again later.")
            await websocket.send_denial_response(busy.response())
            return
        self.open += 1
        try:
            await websocket.accept()
            await _Stream(websocket, self._queue, self._limits).run()
        finally:
            self.open -= 1


@dataclass(frozen=True)
class _Frame:
    sequence: int
    data: bytes
    mirrored: bool
    arrived: float


class _Stream:
    """One client: a slot for the newest frame, a task that fills it and one that empties it."""

    def __init__(self, websocket: WebSocket, queue: PredictionQueue, limits: Limits) -> None:
        self._websocket, self._queue, self._limits = websocket, queue, limits
        self._mirrored, self._sequence, self._tracker = False, 0, Tracker()
        self._newest: asyncio.Queue[_Frame] = asyncio.Queue(1)

    async def run(self) -> None:
        tasks = [asyncio.create_task(self._answer()), asyncio.create_task(self._receive())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, Exception) and not isinstance(ended, WebSocketDisconnect):
                    raise ended

    async def _receive(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._limits.idle_seconds):
                    message = await self._websocket.receive()
            except TimeoutError:
                with suppress(RuntimeError, WebSocketDisconnect):
                    await self._websocket.close(1000, "No frame for a while.")
                return
            if message["type"] == "websocket.disconnect":
                return
            if message.get("bytes") is not None:
                self._sequence += 1
                if self._newest.full():
                    self._newest.get_nowait()
                now = time.perf_counter()
                self._newest.put_nowait(_Frame(self._sequence, message["bytes"], self._mirrored, now))
            else:
                await self._set_options(message.get("text") or "")

    async def _set_options(self, text: str) -> None:
        try:
            options = json.loads(text)
            if not isinstance(options, dict) or not isinstance(options.get("mirrored"), bool):
                raise ValueError
        except (ValueError, RecursionError):
            error = HttpError(422, 'Expected {"mirrored": true} or false, or a frame as binary.')
            await self._websocket.send_json(error.body())
            return
        self._mirrored = options["mirrored"]

    async def _answer(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            # Frames that come sooner are overtaken by the newest.
            await asyncio.sleep(due - loop.time())
            frame = await self._newest.get()
            due = loop.time() + 1 / self._limits.predictions
            await self._websocket.send_json({"sequence": frame.sequence, **await self._predict(frame)})

    async def _predict(self, frame: _Frame) -> dict[str, Any]:
        try:
            (found,) = await predict_photos(
                self._queue, [frame.data], self._limits, mirrored=frame.mirrored, tracker=self._tracker
            )
        except HttpError as error:
            return error.body()
        except HandshapeError as error:
            return HttpError.of(error).body()
        milliseconds = round(1000 * (time.perf_counter() - frame.arrived), 2)
        return {
            **found.prediction.to_dict(),
            "hand": found.hand,
            "milliseconds": milliseconds,
            "model": found.model,
        }

"""Running networks outside training."""

import os

# ONNX Runtime reports its use to its makers unless this is set before it is loaded; handshape sends nothing.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

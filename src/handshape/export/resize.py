"""The resize of `Preprocessing.prepare` as ONNX operators that give the same bytes.

Pillow computes the weights of its antialiased bilinear filter in double precision, rounds them to 22 bits,
and rounds to uint8 after the horizontal and after the vertical pass. ONNX's ``Resize`` rounds otherwise. Here
the same weights are computed from the input's size, and each pass is a product of bytes: a weight is three
bytes, and their sums are put together as integers.

Source: src/libImaging/Resample.c of Pillow.
"""

from typing import TYPE_CHECKING, Any

from onnx import TensorProto
from onnxscript import FLOAT, opset18, script
from onnxscript.values import Opset

if TYPE_CHECKING:
    Tensor = Any
else:
    Tensor = FLOAT  # of any type: onnxscript asks for one

op: Any = opset18
DOMAIN = Opset("handshape", 1)
"""Where the functions are until they are put into a graph."""
_DOUBLE, _LONG, _BYTE = TensorProto.DOUBLE, TensorProto.INT64, TensorProto.UINT8
_ONE, _HALF, _HIGH, _MIDDLE = 2**22, 2**21, 2**16, 2**8


@script(DOMAIN, default_opset=op)
def resize_weights(before: Tensor, after: Tensor) -> Tensor:
    """Return (before, 3 * after) uint8: the high, middle and low bytes of the weights along one axis."""
    scale = op.Cast(before, to=_DOUBLE) / op.Cast(after, to=_DOUBLE)
    support = op.Max(scale, 1.0)
    centre = (op.Cast(op.Range(0, after, 1), to=_DOUBLE) + 0.5) * scale
    place = op.Unsqueeze(op.Cast(op.Range(0, before, 1), to=_DOUBLE), [1])
    first = op.Floor(centre - support + 0.5)
    end = op.Floor(centre + support + 0.5)
    tent = op.Max(1.0 - op.Abs((place - centre + 0.5) * (1.0 / support)), 0.0)
    kept = op.Where(op.And(place >= first, place < end), tent, 0.0)
    whole = op.Cast(op.Floor(kept / op.ReduceSum(kept, [0]) * _ONE + 0.5), to=_LONG)
    parts = op.Concat(whole / _HIGH, op.Mod(whole / _MIDDLE, 256), op.Mod(whole, 256), axis=1)
    return op.Cast(parts, to=_BYTE)


@script(DOMAIN, default_opset=op)
def resize_rows(planes: Tensor, after: Tensor) -> Tensor:
    """Resize the rows of (N, 3, H, W) uint8 planes, and return them transposed: (N, 3, after, H)."""
    width = op.Squeeze(op.Shape(planes, start=3), [0])
    sums = op.MatMulInteger(planes, resize_weights(width, after))
    high, middle, low = op.Split(sums, num_outputs=3, axis=3)
    rounded = op.Min((high * _HIGH + middle * _MIDDLE + low + _HALF) / _ONE, 255)
    return op.Cast(op.Transpose(rounded, perm=[0, 1, 3, 2]), to=_BYTE)


@script(DOMAIN, default_opset=op)
def resize(images: Tensor, size: int) -> Tensor:
    """Return (N, size, size, 3) float32 in [0, 255] of (N, H, W, 3) uint8 images."""
    after = op.Constant(value_int=size)
    planes = op.Transpose(images, perm=[0, 3, 1, 2])
    both = resize_rows(resize_rows(planes, after), after)
    return op.Cast(op.Transpose(both, perm=[0, 2, 3, 1]), to=TensorProto.FLOAT)


RESIZE = (resize_weights, resize_rows, resize)

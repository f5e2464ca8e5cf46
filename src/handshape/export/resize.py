"""The resize of `Preprocessing.prepare` as ONNX nodes that give the same bytes.

ONNX's ``Resize`` differs from torch's antialiased bilinear filter by up to 9 of 255 on photos. torch uses
integer arithmetic: weights are computed in double precision and rounded to 15 bits, and the horizontal and
the vertical pass are rounded to uint8. Here the same weights are computed from the input's size inside the
graph, and each pass is a matrix product of integers. Runtimes are fast with products of bytes, so the 15
bits of a weight are split into a high and a low part. An output pixel depends on few input pixels, so the
outputs are cut into bands, which leaves out most of the zeros. Images of the right size are not changed.

Source: aten/src/ATen/native/cpu/UpSampleKernel.cpp of PyTorch, after Pillow's src/libImaging/Resample.c.
"""

import numpy as np
import onnx
from onnx import inliner, parser

OPSET = 18
"""The oldest opset in which all nodes are defined; torch exports networks at it too."""

_DOMAIN = "handshape.resize"
_HEADER = f'opset_import: ["": {OPSET}, "{_DOMAIN}": 1]'
_FUNCTION = f'<{_HEADER}, domain: "{_DOMAIN}">'
_BANDS = 7  # the fastest of 1, 2, 4, 7, 8, 14 and 16, for photos of 200 x 200 to 4000 x 3000 pixels
_LOW_BITS = 7

# One axis: the inputs and weights of each band of outputs.
_WEIGHTS = """
Weights (before) => (high, low, start, length, half, precision)
{{
  zero = Constant <value = double {{0.0}}> ()
  unit = Constant <value = double {{1.0}}> ()
  half_pixel = Constant <value = double {{0.5}}> ()
  within_band = Constant <value = int64[2] {{1, 2}}> ()
  along = Constant <value = int64[1] {{1}}> ()

  after = Constant <value = double {{{size}.0}}> ()
  inputs = Cast <to = 11> (before)
  scale = Div (inputs, after)
  support = Max (scale, unit)
  inverse = Div (unit, support)
  outputs = Constant <value = double[{bands}, 1, {width}] {{{outputs}}}> ()
  centre = Mul (scale, outputs)

  left = Sub (centre, support)
  left_rounded = Add (left, half_pixel)
  left_whole = Floor (left_rounded)
  first = Max (left_whole, zero)
  right = Add (centre, support)
  right_rounded = Add (right, half_pixel)
  right_whole = Floor (right_rounded)
  end = Min (right_whole, inputs)

  band_first = ReduceMin <keepdims = 0> (first, within_band)
  band_end = ReduceMax <keepdims = 0> (end, within_band)
  lengths = Sub (band_end, band_first)
  longest = ReduceMax <keepdims = 0> (lengths)
  furthest = Sub (inputs, longest)
  begin = Min (band_first, furthest)
  start = Cast <to = 7> (begin)
  longest_int = Cast <to = 7> (longest)
  length = Reshape (longest_int, along)

  steps = Range (zero, longest, unit)
  steps_column = Unsqueeze (steps, along)
  begin_block = Unsqueeze (begin, within_band)
  place = Add (begin_block, steps_column)
  away = Sub (place, centre)
  away_half = Add (away, half_pixel)
  scaled_away = Mul (away_half, inverse)
  distance = Abs (scaled_away)
  fall = Sub (unit, distance)
  tent = Max (fall, zero)
  not_before = GreaterOrEqual (place, first)
  not_after = Less (place, end)
  inside = And (not_before, not_after)
  kept = Where (inside, tent, zero)
  total = ReduceSum (kept, along)
  share = Div (kept, total)

  largest = ReduceMax <keepdims = 0> (share)
  powers = Constant <value = double[22] {{{powers}}}> ()
  grown = Mul (largest, powers)
  grown_rounded = Add (grown, half_pixel)
  limit = Constant <value = double {{32768.0}}> ()
  fits = Less (grown_rounded, limit)
  fits_int = Cast <to = 7> (fits)
  bits = ReduceSum <keepdims = 0> (fits_int)
  precision = Cast <to = 12> (bits)
  two = Constant <value = double {{2.0}}> ()
  bits_double = Cast <to = 11> (bits)
  factor = Pow (two, bits_double)
  half_factor = Mul (factor, half_pixel)
  half = Cast <to = 12> (half_factor)

  scaled = Mul (share, factor)
  scaled_rounded = Add (scaled, half_pixel)
  whole = Cast <to = 12> (scaled_rounded)
  shift = Constant <value = uint32 {{{low_bits}}}> ()
  high_part = BitShift <direction = "RIGHT"> (whole, shift)
  high_shifted = BitShift <direction = "LEFT"> (high_part, shift)
  low_part = Sub (whole, high_shifted)
  high = Cast <to = 2> (high_part)
  low = Cast <to = 2> (low_part)
}}
"""

# The sum of the high and the low product, rounded to a byte.
_ROUND = f"""
Round (high_sum, low_sum, half, precision) => (bytes)
{{
  shift = Constant <value = uint32 {{{_LOW_BITS}}}> ()
  top = Constant <value = uint32 {{255}}> ()
  high = Cast <to = 12> (high_sum)
  low = Cast <to = 12> (low_sum)
  high_shifted = BitShift <direction = "LEFT"> (high, shift)
  sum = Add (high_shifted, low)
  sum_half = Add (sum, half)
  rounded = BitShift <direction = "RIGHT"> (sum_half, precision)
  clipped = Min (rounded, top)
  bytes = Cast <to = 2> (clipped)
}}
"""

# The inputs and weights of one band along an axis.
_BAND = """
Band (images, weights_high, weights_low, start, length, band, axis) => (part, high, low)
{
  here = Gather (start, band)
  there = Add (here, length)
  part = Slice (images, here, there, axis)
  first = Constant <value = int64[1] {0}> ()
  band_high = Gather (weights_high, band)
  band_low = Gather (weights_low, band)
  high = Squeeze (band_high, first)
  low = Squeeze (band_low, first)
}
"""

_GRAPH = """
<ir_version: 9, {header}>
resize (uint8[N, H, W, 3] images) => (uint8[N, 3, {size}, {size}] prepared)
{{
  height_at = Constant <value = int64 {{1}}> ()
  width_at = Constant <value = int64 {{2}}> ()
  shape = Shape (images)
  height = Gather (shape, height_at)
  width = Gather (shape, width_at)
  planes = Transpose <perm = [0, 3, 1, 2]> (images)
  wanted = Constant <value = int64 {{{size}}}> ()
  height_fits = Equal (height, wanted)
  width_fits = Equal (width, wanted)
  fits = And (height_fits, width_fits)
  prepared = If (fits) <
    then_branch = keep () => (uint8[N, 3, {size}, {size}] kept) {{ kept = Identity (planes) }},
    else_branch = resize () => (uint8[N, 3, {size}, {size}] resized) {{
    x_high, x_low, x_start, x_length, x_half, x_precision = {domain}.Weights (width)
    {across}

    y_columns_high, y_columns_low, y_start, y_length, y_half, y_precision = {domain}.Weights (height)
    y_high = Transpose <perm = [0, 2, 1]> (y_columns_high)
    y_low = Transpose <perm = [0, 2, 1]> (y_columns_low)
    {down}
  }}>
}}
"""


def resize_graph(size: int) -> onnx.ModelProto:
    """Build the graph of `Preprocessing.prepare`, with channels first.

    Args:
        size: Height and width of the prepared images in pixels.

    Returns:
        A model from ``images``, (N, H, W, 3) uint8, to ``prepared``, (N, 3, size, size) uint8.
    """
    bands = min(_BANDS, size)
    text = _GRAPH.format(
        header=_HEADER,
        domain=_DOMAIN,
        size=size,
        across=_pass("x", "planes", "narrow", bands=bands, size=size),
        down=_pass("y", "narrow", "resized", bands=bands, size=size),
    )
    model = parser.parse_model(text)
    for function in (_weights(size, bands), _ROUND, _BAND):
        model.functions.append(parser.parse_function(_FUNCTION + function))
    onnx.checker.check_model(model)
    return inliner.inline_local_functions(model)


def _weights(size: int, bands: int) -> str:
    width = -(-size // bands)
    # The last band may be longer than needed; it then repeats the last output.
    outputs = np.minimum(np.arange(bands * width), size - 1) + 0.5
    powers = ", ".join(f"{2.0**k}" for k in range(1, 23))
    return _WEIGHTS.format(
        size=size,
        bands=bands,
        width=width,
        outputs=", ".join(map(str, outputs)),
        powers=powers,
        low_bits=_LOW_BITS,
    )


def _pass(axis: str, before: str, after: str, *, bands: int, size: int) -> str:
    """Return the nodes of one pass, ``x`` over columns or ``y`` over rows."""
    number = {"x": 3, "y": 2}[axis]
    lines = [f"{axis}_axis = Constant <value = int64[1] {{{number}}}> ()"]
    for band in range(bands):
        name = f"{axis}{band}"
        order = "{name}_part, {name}_{part}" if axis == "x" else "{name}_{part}, {name}_part"
        lines += [
            f"{name} = Constant <value = int64[1] {{{band}}}> ()",
            f"{name}_part, {name}_high, {name}_low = {_DOMAIN}.Band"
            f" ({before}, {axis}_high, {axis}_low, {axis}_start, {axis}_length, {name}, {axis}_axis)",
            *(
                f"{name}_{part}_sum = MatMulInteger ({order.format(name=name, part=part)})"
                for part in ("high", "low")
            ),
            f"{name}_bytes = {_DOMAIN}.Round"
            f" ({name}_high_sum, {name}_low_sum, {axis}_half, {axis}_precision)",
        ]
    joined = ", ".join(f"{axis}{band}_bytes" for band in range(bands))
    whole = after if bands * -(-size // bands) == size else f"{after}_and_more"
    lines.append(f"{whole} = Concat <axis = {number}> ({joined})")
    if whole != after:
        lines += [
            f"{axis}_none = Constant <value = int64[1] {{0}}> ()",
            f"{axis}_all = Constant <value = int64[1] {{{size}}}> ()",
            f"{after} = Slice ({whole}, {axis}_none, {axis}_all, {axis}_axis)",
        ]
    return "\n  ".join(lines)

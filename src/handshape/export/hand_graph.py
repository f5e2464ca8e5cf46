"""How `HandFinder` finds the hand, as ONNX operators: its first attempt, with looks in better boxes.

Boxes are (N, 4) float32: x and y of the middle, the side, and the clockwise rotation in radians. Photos of
one batch are averaged by one factor before they are cut, that of the smallest box.
"""

import math

from onnx import TensorProto
from onnxscript import script

from handshape.export.resize import DOMAIN, Tensor, op
from handshape.models.hand.hand_finder import (
    AHEAD,
    ATTEMPTS,
    BOX_GRID,
    CROP_SIZE,
    FURTHER,
    HANDS,
    LEAST,
    LIGHTER,
    LONG_SIDE,
    PALM_SIZE,
    PALMS,
    ROOTED,
    ROOTS,
    ROTATED,
    SCALED,
    SHIFTED,
)

_FLOAT, _LONG, _WORD, _BYTE = TensorProto.FLOAT, TensorProto.INT64, TensorProto.UINT32, TensorProto.UINT8
_WORDS = float(2**32)
_ROOM = ATTEMPTS[0].room
_LEVELS, _ROOTED, _ROOTS = LIGHTER[:256], list(ROOTED), list(ROOTS)
_TURNED, _SHARES = math.cos(ROTATED), [float(BOX_GRID[0])] * 3 + [float(BOX_GRID[1])]


@script(DOMAIN, default_opset=op)
def sides_of(images: Tensor) -> Tensor:
    """Return (2,) float32, height and width of (N, H, W, 3) images."""
    return op.Cast(op.Shape(images, start=1, end=3), to=_FLOAT)


@script(DOMAIN, default_opset=op)
def shrink(images: Tensor) -> Tensor:
    """Return uint8 images of at most 640 pixels on their longer side."""
    sides = sides_of(images)
    scale = op.Max(op.ReduceMax(sides) / LONG_SIDE, 1.0)
    small = op.Cast(op.Max(op.Round(sides / scale), 1.0), to=_LONG)
    return op.Resize(images, None, None, small, antialias=1, axes=[1, 2], exclude_outside=1, mode="linear")


@script(DOMAIN, default_opset=op)
def cut(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Cut a rotated square out of each image, and lighten it: (N, size, size, 3) uint8."""
    pixels = op.Constant(value_int=size)
    sides = sides_of(images)
    x, y, side, rotation = op.Split(op.Unsqueeze(boxes, [2]), num_outputs=4, axis=1)
    cos, sin = op.Cos(rotation), op.Sin(rotation)
    # Pixels are averaged before they are left out.
    room = op.Concat(op.Reshape(side, [-1]) / op.CastLike(pixels, side), sides / 2.0, axis=0)
    whole = op.Cast(op.Floor(op.Max(op.ReduceMin(room), 1.0)), to=_LONG)
    none, three = op.Constant(value_ints=[0]), op.Constant(value_ints=[3])
    over = op.Mod(0 - op.Shape(images, start=1, end=3), whole)
    padded = op.Pad(images, op.Concat([0, 0, 0, 0, 0], over, none, axis=0), mode="edge")
    height, width = op.Split(op.Shape(padded, start=1, end=3) / whole, num_outputs=2)
    blocks = op.Reshape(padded, op.Concat(none, height, whole, width, whole, three, axis=0))
    # As Pillow divides: in 24 bits, with a factor of single precision.
    sums = op.Cast(op.ReduceSum(op.Cast(blocks, to=_FLOAT), [2, 4], keepdims=0), to=_WORD)
    count = whole * whole
    factor = op.Cast(_WORDS / op.Cast(count * 256, to=_FLOAT), to=_WORD)
    averages = op.BitShift(
        (sums + op.Cast(count / 2, to=_WORD)) * factor, op.Cast(24, to=_WORD), direction="RIGHT"
    )
    planes = op.Transpose(op.Cast(averages, to=_FLOAT), perm=[0, 3, 1, 2])

    steps = op.Cast(op.Range(0, pixels, 1), to=_FLOAT)
    right = (steps + 0.5) / op.CastLike(pixels, side) - 0.5
    down = op.Unsqueeze(right, [1])
    across = op.Unsqueeze(x + side * (cos * right - sin * down), [3])
    along = op.Unsqueeze(y + side * (sin * right + cos * down), [3])
    extent = op.Cast(op.Concat(width, height, axis=0) * whole, to=_FLOAT)
    share = op.Concat(across, along, axis=3) / extent
    inside = op.Cast(op.And(share >= 0.0, share < 1.0), to=_FLOAT)
    sampled = op.GridSample(planes, share * 2.0 - 1.0, mode="bilinear", padding_mode="border")
    crops = op.Transpose(sampled, perm=[0, 2, 3, 1]) * op.ReduceMin(inside, [3])
    levels = op.Cast(op.Constant(value_ints=_LEVELS), to=_BYTE)
    # What is a whole number stays one: Pillow does not round.
    return op.Gather(levels, op.Cast(crops + 6e-5, to=_LONG))


@script(DOMAIN, default_opset=op)
def palm_square(images: Tensor) -> Tensor:
    """Return the boxes in which the palm is looked for."""
    sides = sides_of(images)
    height, width = op.Split(sides / 2.0, num_outputs=2)
    box = op.Concat(width, height, op.ReduceMax(sides) * _ROOM, [0.0], axis=0)
    return op.Expand(box, op.Concat(op.Shape(images, end=1), [4], axis=0))


@script(DOMAIN, default_opset=op)
def look_for_palm(images: Tensor) -> Tensor:
    """Return what the palm detector is shown: (N, 192, 192, 3) uint8."""
    small = shrink(images)
    return cut(small, palm_square(small), size=PALM_SIZE)


@script(DOMAIN, default_opset=op)
def hand_box(images: Tensor, palm: Tensor) -> Tensor:
    """Return the box of the hand, in pixels of the photo, from the (N, 4) box of its palm."""
    x, y, side, rotation = op.Split(palm, num_outputs=4, axis=1)
    middle_x, middle_y, whole, _zero = op.Split(palm_square(images), num_outputs=4, axis=1)
    across = middle_x + whole * (x - 0.5 + side * op.Sin(rotation) * AHEAD)
    along = middle_y + whole * (y - 0.5 - side * op.Cos(rotation) * AHEAD)
    return op.Concat(across, along, whole * side * PALMS, rotation, axis=1)


@script(DOMAIN, default_opset=op)
def round_box(boxes: Tensor) -> Tensor:
    """Return boxes as they are cut out."""
    shares = op.Constant(value_floats=_SHARES)
    return op.Floor(boxes * shares + 0.5) / shares


@script(DOMAIN, default_opset=op)
def look_for_hand(images: Tensor, boxes: Tensor) -> Tensor:
    """Return what the landmark network is shown: (N, 224, 224, 3) uint8."""
    return cut(images, boxes, size=CROP_SIZE)


@script(DOMAIN, default_opset=op)
def put_back(points: Tensor, boxes: Tensor) -> Tensor:
    """Return landmarks in shares of their box as landmarks in pixels of the photo."""
    x, y, side, rotation = op.Split(op.Unsqueeze(boxes, [2]), num_outputs=4, axis=1)
    cos, sin = op.Cos(rotation), op.Sin(rotation)
    right, down, depth = op.Split(points, num_outputs=3, axis=2)
    right, down = (right - 0.5) * side, (down - 0.5) * side
    return op.Concat(x + cos * right - sin * down, y + sin * right + cos * down, depth * side, axis=2)


@script(DOMAIN, default_opset=op)
def box_around(points: Tensor) -> Tensor:
    """Return the box of a hand from its (N, 21, 3) landmarks."""
    x, y, _depth = op.Split(points, num_outputs=3, axis=2)
    flat = op.Concat(x, y, axis=2)
    ahead = op.Gather(flat, [5, 13, 9, 9], axis=1)
    up = op.ReduceMean(ahead, [1], keepdims=0) - op.Gather(flat, 0, axis=1)
    to_right, to_down = op.Split(up / op.Max(op.ReduceL2(up, [1]), 1e-6), num_outputs=2, axis=1)
    cos, sin = 0.0 - to_down, to_right
    across, along = op.Split(op.Gather(flat, _ROOTED, axis=1), num_outputs=2, axis=2)
    across, along = op.Squeeze(across, [2]), op.Squeeze(along, [2])
    right, down = across * cos + along * sin, along * cos - across * sin
    left, top = op.ReduceMin(right, [1]), op.ReduceMin(down, [1])
    width, height = op.ReduceMax(right, [1]) - left, op.ReduceMax(down, [1]) - top
    right, down = left + width / 2.0, top + height * (0.5 - FURTHER)
    side, rotation = op.Max(width, height) * HANDS, 2.0 * op.Atan(sin / op.Max(1.0 + cos, 1e-6))
    return op.Concat(right * cos - down * sin, right * sin + down * cos, side, rotation, axis=1)


@script(DOMAIN, default_opset=op)
def is_better(boxes: Tensor, others: Tensor, presence: Tensor) -> Tensor:
    """Return (N,) bool, whether landmarks that were found in other boxes count."""
    x, y, side, rotation = op.Split(boxes, num_outputs=4, axis=1)
    x2, y2, side2, rotation2 = op.Split(others, num_outputs=4, axis=1)
    side, side2 = op.Max(side, 1e-3), op.Max(side2, 1e-3)
    shifted = op.Sqrt((x2 - x) * (x2 - x) + (y2 - y) * (y2 - y)) / side > SHIFTED
    scaled = op.Abs(op.Log(side2 / side)) > SCALED
    turned = op.Cos(rotation2 - rotation) < _TURNED
    return op.And(presence >= LEAST, op.Squeeze(op.Or(op.Or(shifted, scaled), turned), [1]))


@script(DOMAIN, default_opset=op)
def normalise_hand(
    images: Tensor, points: Tensor, presence: Tensor, right_hand: Tensor, embedding: Tensor
) -> tuple[Tensor, Tensor]:
    """Return (N, 88) float32 hands as `normalise` gives them, and (N,) bool, whether they are right ones."""
    shares = points / op.ReduceMax(sides_of(images))
    from_wrist = shares - op.Gather(shares, [0], axis=1)
    middle = op.ReduceMean(op.Gather(from_wrist, _ROOTS, axis=1), [1])
    length = op.Max(op.ReduceL2(middle, [2]), 1e-4)
    x, y, depth = op.Split(from_wrist / length, num_outputs=3, axis=2)
    right = right_hand > 0.5
    mirrored = op.Where(op.Unsqueeze(right, [1, 2]), x, 0.0 - x)
    rows = op.Concat(op.Flatten(op.Concat(mirrored, y, depth, axis=2)), embedding, axis=1)
    rounded = op.Cast(op.Cast(rows, to=TensorProto.FLOAT16), to=_FLOAT)
    return op.Where(op.Unsqueeze(presence > 0.5, [1]), rounded, 0.0), right


@script(DOMAIN, default_opset=op)
def keep_better(
    boxes: Tensor,
    points: Tensor,
    presence: Tensor,
    right: Tensor,
    embedding: Tensor,
    others: Tensor,
    points2: Tensor,
    presence2: Tensor,
    right2: Tensor,
    embedding2: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return box, landmarks, presence, handedness and embedding of the look that counts."""
    second = is_better(boxes, others, presence)
    of_row = op.Unsqueeze(second, [1])
    box = op.Where(of_row, others, boxes)
    kept = op.Where(op.Unsqueeze(second, [1, 2]), points2, points)
    seen = op.Where(second, presence2, presence)
    return box, kept, seen, op.Where(second, right2, right), op.Where(of_row, embedding2, embedding)


HAND_FUNCTIONS = (
    *(
        sides_of,
        shrink,
        cut,
        palm_square,
        look_for_palm,
        hand_box,
        round_box,
        look_for_hand,
        put_back,
        box_around,
    ),
    *(is_better, keep_better, normalise_hand),
)

"""Data sets as people bring them, drawn: folders, splits, tables, archives and odd files."""

import csv
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

LETTERS = "ABCD"


def draw_hand(kind: int, seed: int, size: int = 48) -> Image.Image:
    """Draw a palm with `kind` fingers; seed moves it, lights it and changes the room."""
    rng = np.random.default_rng((kind, seed))
    noise = rng.normal(0, 12, (size, size, 3)) + rng.uniform(20, 120, 3)
    image = Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    red, green, blue = (int(v) for v in np.array([220, 170, 140]) * rng.uniform(0.5, 1.1))
    x, y = size / 2 + rng.uniform(-4, 4), size * 0.65 + rng.uniform(-3, 3)
    r = size * rng.uniform(0.17, 0.22)
    draw.ellipse((x - r, y - r, x + r, y + r), fill=(red, green, blue))
    for finger in range(kind % 6):
        angle = np.deg2rad(-90 + (finger - (kind % 6 - 1) / 2) * 28 + rng.uniform(-6, 6))
        tip = (x + np.cos(angle) * r * 2.3, y + np.sin(angle) * r * 2.3)
        draw.line(((x, y), tip), fill=(red, green, blue), width=int(size * 0.07) + kind // 6)
    return image


def label_folders(root: Path, labels: Sequence[str] = LETTERS, count: int = 4, start: int = 0) -> Path:
    """Draw `<label>/s<signer>_<number>.jpg`."""
    for kind, label in enumerate(labels):
        (root / label).mkdir(parents=True, exist_ok=True)
        for number in range(start, start + count):
            draw_hand(kind + 1, number).save(root / label / f"s{number % 4}_{number}.jpg", quality=92)
    return root


def split_folders(root: Path, names: Sequence[str], labels: Sequence[str] = LETTERS) -> Path:
    """Draw label folders in split folders, other photos in each."""
    for place, name in enumerate(names):
        label_folders(root / name, labels, count=4 if place == 0 else 2, start=20 * place)
    return root


def many(root: Path) -> Path:
    """More labels than fit into a picture."""
    return label_folders(root, [f"sign{number:03}" for number in range(60)], count=3)


def deep(root: Path) -> Path:
    """A photo far below its label, with a long path."""
    label_folders(root)
    place = root / "A" / ("x" * 120) / ("y" * 120) / ("z" * 60)
    place.mkdir(parents=True)
    draw_hand(1, 77).save(place / ("p" * 100 + ".jpg"))
    return root


def uneven(root: Path) -> Path:
    """Two labels with many photos, and one with two."""
    label_folders(root, "AB", count=40)
    return label_folders(root, "C", count=2)


def exif(root: Path) -> tuple[Path, Path]:
    """Photos of a camera that lay on its side and says so, and the same photos upright."""
    upright, turned = label_folders(root / "upright"), root / "turned"
    for file in upright.glob("*/*.jpg"):
        image = Image.open(file).resize((48, 32))
        image.save(file.with_suffix(".png"))
        file.unlink()
        tag = Image.Exif()
        tag[0x0112] = 6
        (turned / file.parent.name).mkdir(parents=True, exist_ok=True)
        side = image.transpose(Image.Transpose.ROTATE_90)
        side.save(turned / file.parent.name / file.with_suffix(".png").name, exif=tag)
    return upright, turned


def cutout(root: Path) -> Path:
    """Hands cut out, with what is around them transparent."""
    label_folders(root)
    for file in list(root.glob("*/*.jpg")):
        picture = Image.open(file).convert("RGBA")
        mask = Image.new("L", picture.size, 0)
        ImageDraw.Draw(mask).ellipse((8, 8, 40, 46), fill=255)
        picture.putalpha(mask)
        picture.save(file.with_suffix(".png"))
        file.unlink()
    return root


def write_rows(path: Path, rows: list[list[str]], *, sep: str = ",", encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=sep).writerows(rows)
    return path


def kaggle_alphabet(root: Path) -> Path:
    """Kaggle's ASL Alphabet: wrapped twice, and a flat test folder."""
    label_folders(root / "asl_alphabet_train/asl_alphabet_train")
    test = root / "asl_alphabet_test/asl_alphabet_test"
    test.mkdir(parents=True)
    for kind, label in enumerate(LETTERS):
        draw_hand(kind + 1, 99).save(test / f"{label}_test.jpg")
    return root


def pugeault(root: Path) -> Path:
    """Signer above label, both of them letters."""
    for signer, name in enumerate("ABCD"):
        for kind, label in enumerate("abcd"):
            place = root / name / label
            place.mkdir(parents=True)
            for number in range(2):
                draw_hand(kind + 1, signer * 10 + number).save(place / f"color_0_{number:04}.png")
    return root


def yolo(root: Path) -> Path:
    """An export for detection."""
    for split in ("train", "valid", "test"):
        (root / split / "images").mkdir(parents=True)
        (root / split / "labels").mkdir(parents=True)
        for number in range(2):
            draw_hand(number + 1, number).save(root / split / "images" / f"{number}.jpg")
            (root / split / "labels" / f"{number}.txt").write_text(f"{number} 0.5 0.5 0.9 0.9\n")
    (root / "data.yaml").write_text("names: [A, B]\nnc: 2\n")
    return root


def roboflow(root: Path, *, boxes_only: bool = False) -> Path:
    """Flat split folders with Roboflow's tables."""
    for split in ("train", "valid", "test"):
        one_hot = [["filename", *(f" {letter}" for letter in LETTERS)]]
        boxes = [["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax"]]
        (root / split).mkdir(parents=True)
        for number in range(8):
            name = f"{LETTERS[number % 4]}{number}_jpg.rf.jpg"
            draw_hand(number % 4 + 1, number).save(root / split / name)
            one_hot.append([name, *(str(int(k == number % 4)) for k in range(4))])
            boxes.append([name, "48", "48", LETTERS[number % 4], "10", "10", "40", "40"])
        if not boxes_only:
            write_rows(root / split / "_classes.csv", one_hot)
        write_rows(root / split / "_annotations.csv", boxes)
        (root / split / "_annotations.coco.json").write_text("{}")
    return root


def flat(root: Path) -> Path:
    """Photos in no label folder."""
    root.mkdir(parents=True)
    for kind, label in enumerate(LETTERS):
        for number in range(4):
            draw_hand(kind + 1, number).save(root / f"{label}_s{number % 3}_{number}.jpg")
    return root


def pixel_rows(count: int = 12) -> list[list[str]]:
    """Sign Language MNIST: a label and 28 x 28 grey levels."""
    rows = [["label", *(f"pixel{place}" for place in range(1, 785))]]
    for number in range(count):
        grey = np.asarray(draw_hand(number % 4 + 1, number).convert("L").resize((28, 28)))
        rows.append([str(number % 4), *map(str, grey.ravel())])
    return rows


def odd_files(root: Path) -> Path:
    """Label folders, and in A what else is found among photos."""
    label_folders(root)
    a, big = root / "A", draw_hand(1, 0).resize((400, 300))
    twelve_bits = np.asarray(big.convert("L"), dtype=np.uint16) * 16
    Image.fromarray(twelve_bits).save(a / "grey12in16.png")
    big.convert("CMYK").save(a / "cmyk.jpg")
    big.save(a / "anim.gif", save_all=True, append_images=[draw_hand(2, 1).resize((400, 300))])
    big.save(a / "two.mpo", save_all=True, append_images=[big])
    big.save(a / "x.avif")
    Image.new("RGB", (1, 1)).save(a / "dot.png")
    Image.new("1", (12000, 9000)).save(a / "huge.png")
    Image.new("RGB", (1, 4000)).save(a / "line.png")
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(2000)
    (a / "IMG_1.HEIC").write_bytes(heic)
    (a / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(2000))
    (a / "paper.pdf").write_bytes(b"%PDF-1.4\n")
    (a / "vector.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    (a / "page.jpg").write_text("<html>404 not found</html>")
    (a / "empty.jpg").write_bytes(b"")
    (a / "cut.jpg").write_bytes((a / "s0_0.jpg").read_bytes()[:700])
    (a / "noending").write_bytes((a / "s0_0.jpg").read_bytes())
    (a / "really.png").write_bytes((a / "s1_1.jpg").read_bytes())
    return root


def zipped(folder: Path, archive: Path, top: str = "ok") -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, Path(top) / path.relative_to(folder))
    return archive


def tarred(folder: Path, archive: str, compression: str) -> Path:
    kinds = {"": "tar", "gz": "gztar", "bz2": "bztar", "xz": "xztar"}
    return Path(shutil.make_archive(archive, kinds[compression], folder.parent, folder.name))

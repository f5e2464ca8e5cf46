from typing import Any


def test_model_card__says_how_good_for_whom_and_what_it_does_not_do(finished: Any) -> None:
    card = (finished.out / "recogniser" / "README.md").read_text(encoding="utf-8")
    best = max(finished.metrics["models"].values(), key=lambda model: model["valid_accuracy"])
    assert f"{100 * best['test_accuracy']:.1f} %" in card
    low, high = best["test_interval"]
    assert f"{100 * low:.1f} to {100 * high:.1f}" in card
    assert "A, B, C" in card
    assert f"{finished.metrics['split']['train']} photos" in card
    assert "signer" in card
    assert "does not" in card and "sign language" in card

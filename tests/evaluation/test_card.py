from typing import Any


def test_model_card__says_how_good_for_whom_and_what_it_does_not_do(finished: Any) -> None:
    card = (finished.out / "recogniser" / "README.md").read_text(encoding="utf-8")
    best = finished.metrics["models"][finished.metrics["best"]]
    assert f"{100 * best['test_accuracy']:.1f} %" in card
    low, high = best["test_interval"]
    assert f"{100 * low:.1f} to {100 * high:.1f}" in card
    assert best["interval_scope"] in card.lower()
    assert f"Below a probability of {best['rejection']['threshold']:.2f}" in card
    assert f"{100 * best['mirrored_accuracy']:.1f} % of the same photos mirrored" in card
    assert "A, B, C" in card
    assert f"{finished.metrics['split']['train']} photos" in card
    assert "signer" in card
    assert "does not" in card and "sign language" in card

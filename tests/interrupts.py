"""A Ctrl-C at a chosen step of a training."""

import signal


def interrupt(monkeypatch, trainer: type, after: int) -> None:
    """Let a trainer's step number `after` be hit by a Ctrl-C, once."""
    step = trainer.step
    hit = []

    def struck(self, *arguments):
        losses = step(self, *arguments)
        if self.steps == after and not hit:
            hit.append(after)
            signal.raise_signal(signal.SIGINT)
        return losses

    monkeypatch.setattr(trainer, "step", struck)

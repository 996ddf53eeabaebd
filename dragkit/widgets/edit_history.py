"""What an edit was before, to undo the last point or stroke."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .edit_draft import EditDraft, Point

MOST = 200  # states that are kept


class _State(NamedTuple):
    handles: tuple[Point, ...]
    targets: tuple[Point | None, ...]
    mask: np.ndarray | None  # a stroke makes another one, so it need not be copied
    selected: int | None


class EditHistory:
    """The states of an `EditDraft`, the last of which is the present one.

    Args:
        draft: is put back by :meth:`undo`.
    """

    def __init__(self, draft: EditDraft) -> None:
        self.draft = draft
        self.begin()

    def begin(self) -> None:
        """Forget what was before: another start has been opened."""
        self._states = [self._present()]

    def keep(self) -> None:
        """The draft was changed: remember it, unless it is as it was."""
        now, last = self._present(), self._states[-1]
        if now[:2] != last[:2] or now.mask is not last.mask:
            self._states = [*self._states[1 - MOST :], now]

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return len(self._states) > 1

    def undo(self) -> bool:
        """Put the draft back to what it was before the last change; says whether there was one."""
        if not self.can_undo:
            return False
        self._states.pop()
        state = self._states[-1]
        draft = self.draft
        draft.handles, draft.targets = list(state.handles), list(state.targets)
        draft.mask, draft.selected = state.mask, state.selected
        draft.release()
        return True

    def _present(self) -> _State:
        draft = self.draft
        return _State(tuple(draft.handles), tuple(draft.targets), draft.mask, draft.selected)

"""How every bundled checkpoint was made, re-runnable."""

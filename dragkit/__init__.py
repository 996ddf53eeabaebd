"""See drag editing work: put a handle on a picture, a target beside it, and watch each step."""

"""The lessons in the forms of class-room tools, which collect and grade them.

``python -m dragkit.course export`` writes them. Both tools ask :func:`dragkit.check.earned`.
"""

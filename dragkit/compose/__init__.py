"""One compositor for every picture: widgets show what it returns, GIFs are made of it, saved notebooks keep it.

Numpy and Pillow only, safe in any thread. Colours are the colour-blind-safe ones of Okabe and Ito; handles
and targets differ in shape too. Scores use matplotlib's "viridis".
"""

from .curves import curves as curves
from .picture import beside as beside
from .picture import colours as colours
from .picture import encode as encode
from .picture import paint as paint
from .picture import png as png

"""One compositor for every image: widgets show what it returns, GIFs are made of it, saved
notebooks keep it.

Numpy and Pillow only, safe in any thread. Colours are the colour-blind-safe ones of Okabe and Ito;
handles and targets differ in shape too. Scores use matplotlib's "viridis".
"""

from .axes import Panel as Panel
from .axes import chart as chart
from .axes import marked as marked
from .axes import step_at as step_at
from .curves import comparison as comparison
from .curves import curves as curves
from .curves import run_panels as run_panels
from .curves import spans as spans
from .features import MEASURES as MEASURES
from .features import Palette as Palette
from .features import alike as alike
from .features import map_image as map_image
from .features import read as read
from .features import scale_bar as scale_bar
from .marks import font as font
from .overlay import draw_overlay as draw_overlay
from .overlay import encode as encode
from .overlay import hstack as hstack
from .overlay import png as png
from .score_windows import colours as colours
from .score_windows import legend as legend
from .score_windows import minmax_normalize as minmax_normalize
from .score_windows import panel_at as panel_at
from .score_windows import panels as panels
from .score_windows import peaks as peaks
from .score_windows import under as under

"""One compositor for every image: widgets, GIFs and saved notebooks show what it returns.

It needs Pillow and NumPy (and torch, to read features), and is safe in any thread. Colours are
the colour-blind-safe ones of Okabe and Ito; handles and targets differ in shape too. Scores have
Matplotlib's "viridis".
"""

from .axes import step_at as step_at
from .caption import POINTS as POINTS
from .caption import captioned as captioned
from .caption import faded as faded
from .caption import marks_in_words as marks_in_words
from .chart import chart as chart
from .chart_marks import ChartMarks as ChartMarks
from .chart_marks import Columns as Columns
from .encoding import encode as encode
from .encoding import png as png
from .encoding import webp as webp
from .features import MEASURES as MEASURES
from .features import Palette as Palette
from .features import map_image as map_image
from .features import read_feature as read_feature
from .features import similarity_map as similarity_map
from .features import with_cross as with_cross
from .inset import ScoreWindow as ScoreWindow
from .inset import window_cell_at as window_cell_at
from .marks import MARKS as MARKS
from .marks import font as font
from .mask_overlay import mask_cover as mask_cover
from .overlay import LAYERS as LAYERS
from .overlay import draw_overlay as draw_overlay
from .panels import SERIES as SERIES
from .panels import SHADE as SHADE
from .panels import Panel as Panel
from .run_panels import RunCurves as RunCurves
from .run_panels import comparison as comparison
from .run_panels import run_panels as run_panels
from .run_panels import trust_spans as trust_spans
from .score_colours import normalize_window as normalize_window
from .score_colours import peaks as peaks
from .score_colours import score_colours as score_colours
from .score_colours import viridis as viridis
from .score_legend import scale_bar as scale_bar
from .score_legend import score_legend as score_legend
from .score_panels import score_panel_at as score_panel_at
from .score_panels import score_panels as score_panels
from .score_panels import score_range as score_range
from .stacking import hstack as hstack
from .stacking import in_rows as in_rows
from .stacking import vstack as vstack
from .viewport import Viewport as Viewport

"""The checks of the course's exercises: ``check.sample(sample)``.

Each draws the target beside your answer and names the mistake. Each is a question that says what
it asks: ``check.sample?``
"""

from .credit import Unearned as Unearned
from .credit import earned as earned
from .lesson01_patch import patch as patch
from .lesson01_points import cell as cell
from .lesson01_points import sample as sample
from .lesson02_generators import mix as mix
from .lesson02_generators import truncate as truncate
from .lesson02_generators import view as view
from .lesson03_nearest import distances as distances
from .lesson03_nearest import nearest as nearest
from .lesson04_pulling import direction as direction
from .lesson04_pulling import pull as pull
from .lesson05_loop import drag as drag
from .lesson05_patience import patient as patient
from .lesson06_masking import hold as hold
from .lesson06_masking import to_cells as to_cells
from .lesson07_scene import fool as fool
from .lesson07_truth import errors as errors
from .lesson08_label import label as label
from .lesson08_learning import gradient_step as gradient_step
from .lesson08_learning import ridge as ridge
from .lesson09_gate import gate as gate
from .lesson09_trust import reference as reference
from .lesson09_trust import threshold as threshold
from .lesson10_flow import follow as follow
from .lesson10_line_search import blend_weight as blend_weight
from .lesson10_line_search import case as case
from .lesson10_methods import gooddrag as gooddrag
from .lesson11_diffusion import ddim_step as ddim_step
from .lesson11_diffusion import predicted as predicted
from .lesson12_matching import match as match
from .lesson12_measuring import interval as interval
from .lesson12_measuring import ratio as ratio
from .lesson12_preferring import misled as misled
from .lesson13_project import tracker as tracker

"""Answers to the course's exercises are checked here: ``check.sample(sample)`` draws the target
beside yours and names the mistake.

Each is a question that says what it asks: ``check.sample?``
"""

from .points import cell as cell
from .points import patch as patch
from .points import sample as sample
from .generators import mix as mix
from .generators import truncate as truncate
from .generators import view as view
from .nearest import distances as distances
from .nearest import nearest as nearest
from .pulling import direction as direction
from .pulling import pull as pull
from .loop import drag as drag
from .patience import patient as patient
from .masking import hold as hold
from .masking import to_cells as to_cells
from .truth import errors as errors
from .truth import fool as fool
from .learning import gradient_step as gradient_step
from .learning import label as label
from .learning import ridge as ridge
from .trust import gate as gate
from .trust import reference as reference
from .trust import threshold as threshold
from .line_search import case as case
from .line_search import follow as follow
from .line_search import share as share
from .project import tracker as tracker
from .diffusion import ddim_step as ddim_step
from .diffusion import predicted as predicted
from .measuring import interval as interval
from .measuring import ratio as ratio

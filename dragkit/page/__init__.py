"""Runs as one HTML file that needs no kernel and no network: it scrubs, plays and explains itself.

Python writes what a run holds as JSON (`contents`), and puts it into ``page.html`` together with
the style sheet and the JavaScript beside it (`document`). Every text that comes from a run, such
as a name, is data: JSON in which no ``<`` stands, shown as text. The page's own policy allows no
other script, style, image or address.

The same scripts draw a run that continues in a notebook's cell (`notebook`): there the kernel
sends the steps, and an image when it is looked at.
"""

from .document import write_page as write_page
from .recording import Recording as Recording

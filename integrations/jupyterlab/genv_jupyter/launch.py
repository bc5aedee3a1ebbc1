"""launch.py GENV WORD... -- ARGUMENT...: becomes "GENV WORD... -- PYTHON ARGUMENT...", PYTHON being what runs this.

A script of its own, for whichever Python a host takes: it needs nothing of its package.
"""

import os
import sys

end = sys.argv.index("--") + 1
os.execv(sys.argv[1], [*sys.argv[1:end], sys.executable, *sys.argv[end:]])

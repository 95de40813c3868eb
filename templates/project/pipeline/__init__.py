"""What the scripts share.

Paddle reads its flags when it is imported, so they are set here: a script imports Paddle through
these modules only, never by itself.
The old program format is the one that PaddleSlim and Paddle Lite read.
"""

import os
import warnings

os.environ.setdefault("FLAGS_enable_pir_api", "0")
os.environ.setdefault("GLOG_minloglevel", "2")
warnings.filterwarnings("ignore", message="No ccache found")  # Paddle compiles nothing here

"""What the scripts share.

Paddle reads its flags when it is imported, so they are set here: a script imports Paddle through
these modules only, never by itself.
The old program format is the one that PaddleSlim and Paddle Lite read.
"""

import os

os.environ.setdefault("FLAGS_enable_pir_api", "0")
os.environ.setdefault("GLOG_minloglevel", "2")

import sys

from keqiao.cli.main import main

sys.exit(main())

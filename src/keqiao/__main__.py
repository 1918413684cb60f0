import sys

from keqiao.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

"""The shell: settings, urls, pages that compose several contexts."""

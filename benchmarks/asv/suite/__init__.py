"""Has a commit made the library slower, hungrier, or slower to import? Read by asv."""

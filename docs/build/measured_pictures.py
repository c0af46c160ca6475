"""Puts the pictures of `benchmarks/results` on the site, where pages link to them."""

import pathlib
import re

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parents[2]


def on_files(files, config):
    pages = "".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    for path in sorted(set(re.findall(r"\]\(\.\./(benchmarks/results/[^)]+\.png)\)", pages))):
        files.append(File(path, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown, page, config, files):
    # In the repository `docs` and `benchmarks` stand side by side, on the site one is in the other.
    return markdown.replace("](../benchmarks/results/", "](benchmarks/results/")

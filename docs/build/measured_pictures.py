"""Puts the pictures of `benchmarks/results` on the site, where pages link to them."""

import pathlib

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parents[2]


def on_files(files, config):
    for picture in sorted((ROOT / "benchmarks" / "results").rglob("*.png")):
        path = picture.relative_to(ROOT).as_posix()
        files.append(File(path, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown, page, config, files):
    # In the repository `docs` and `benchmarks` stand side by side, on the site one is in the other.
    return markdown.replace("](../benchmarks/results/", "](benchmarks/results/")

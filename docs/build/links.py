"""Links between notebooks, as the site has them, and a look at every link of the finished site."""

import logging
import pathlib
import re
import urllib.parse
from html.parser import HTMLParser

# A warning of this name ends `mkdocs build --strict`.
LOG = logging.getLogger("mkdocs.plugins.links")


class Page(HTMLParser):
    """What a page links to, and what on it can be linked to."""

    def __init__(self, path: pathlib.Path):
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.links += [given[name] for name in ("href", "src") if given.get(name)]
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}


def on_page_content(html, page, config, files):
    # mkdocs knows Markdown's links alone. A notebook is served from a folder of its own.
    return re.sub(r'href="(\w+)\.ipynb"', r'href="../\1/"', html)


def on_post_build(config):
    site = pathlib.Path(config.site_dir).resolve()
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        for link in page.links:
            if path.name != "404.html" and not _resolves(path, link, pages):
                LOG.warning("%s links to %s, which is not there", path.relative_to(site), link)


def _resolves(path: pathlib.Path, link: str, pages: dict[pathlib.Path, Page]) -> bool:
    parts = urllib.parse.urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target /= "index.html"
    anchor = urllib.parse.unquote(parts.fragment)
    return target.exists() and (
        not anchor or target not in pages or anchor in pages[target].anchors
    )

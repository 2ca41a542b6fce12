# SPDX-License-Identifier: GPL-2.0
"""Sphinx's settings. `make docs` runs it on a copy of docs/ that also has the README and the
kernel-doc comments of drm/ (qemu/docs/site.py)."""
project = "virtgpu"
author = "The virtgpu authors"
project_copyright = author

extensions = ["myst_parser"]
root_doc = "index"
exclude_patterns = ["upstream"]
# A link to a heading is checked, too.
myst_heading_anchors = 4

# A block without a language is a figure or commands.
highlight_language = "none"
primary_domain = "c"
c_id_attributes = ["__iomem", "__user"]
# A reference to something of ours must lead somewhere. The kernel's own types are not in this site,
# and types that are only mentioned in a declaration need no description.
nitpicky = True
nitpick_ignore_regex = [("c:identifier", ".*"), ("c:.*", "(?!virtgpu_).*")]

html_theme = "alabaster"
html_theme_options = {
    "description": "A DRM driver for the virtio GPU, in C and in Rust",
    "page_width": "1240px",
    "body_max_width": "960px",
    "sidebar_width": "260px",
    "code_font_size": "0.8em",
}
# The theme reads custom.css.
html_static_path = ["_static"]
html_copy_source = False
html_show_sphinx = False

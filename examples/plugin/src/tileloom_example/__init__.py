"""A worked example of a Tileloom plug-in. Each module is one extension point; pyproject.toml names them."""
